package middleware

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill/message"
	wmiddleware "github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/gochat/gochat/contracts"
)

// errorMax is how many bytes of an error's text are kept.
const errorMax = 2 << 10

// note makes the poison topic's record: the record that came, with what is known about it in the metadata.
func note(msg *message.Message, group, reason, text string, about Subject) *message.Message {
	dead := message.NewMessage(msg.UUID, msg.Payload)
	for k, v := range msg.Metadata {
		dead.Metadata.Set(k, v)
	}
	if about.Told == "" {
		about.Told = contracts.ToldNobody
	}
	for k, v := range map[string]string{
		contracts.MetaPoisonReason:       reason,
		contracts.MetaPoisonError:        text,
		contracts.MetaPoisonTopic:        message.SubscribeTopicFromCtx(msg.Context()),
		contracts.MetaPoisonGroup:        group,
		contracts.MetaPoisonAt:           strconv.FormatInt(time.Now().UnixMilli(), 10),
		contracts.MetaPoisonSender:       about.Sender,
		contracts.MetaPoisonConversation: about.Conversation,
		contracts.MetaPoisonTempMessage:  about.TempMessageID,
		contracts.MetaPoisonTold:         about.Told,
		contracts.MetaTraceID:            TraceOf(msg),
	} {
		if v != "" {
			dead.Metadata.Set(k, v)
		}
	}
	return dead
}

// TraceOf returns the id of a record's trace, which may be another one than that of its run; "" without a
// trace.
func TraceOf(msg *message.Message) string {
	if id := msg.Metadata.Get(contracts.MetaTraceID); id != "" {
		return id
	}
	if parts := strings.Split(msg.Metadata.Get(traceParent), "-"); len(parts) == 4 {
		return parts[1]
	}
	return traceID(msg.Context())
}

// describe returns an error's text as it may be kept and logged: without the contents of messages, which a
// database's error or a panic may quote, and of at most errorMax bytes.
func describe(err error, contents ...string) string {
	text := err.Error()
	var panicked wmiddleware.RecoveredPanicError
	if errors.As(err, &panicked) {
		text = fmt.Sprintf("the handler panicked: %v\n%s", panicked.V, panicked.Stacktrace)
	}
	for _, content := range contents {
		text = withoutContent(text, content)
	}
	if len(text) > errorMax {
		text = strings.ToValidUTF8(text[:errorMax], "")
	}
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}

// quoteMax is the length in bytes up to which a quotation in an error is left alone: it may be part of the
// content by chance.
const quoteMax = 3

// withoutContent replaces the content, and quotations of parts of it.
func withoutContent(text, content string) string {
	if content == "" {
		return text
	}
	if len(content) > quoteMax {
		text = strings.ReplaceAll(text, content, "…")
		text = strings.ReplaceAll(text, strings.Trim(strconv.Quote(content), `"`), "…")
	}
	var out strings.Builder
	for {
		open := strings.IndexAny(text, `'"`+"`")
		if open < 0 {
			break
		}
		length := strings.IndexByte(text[open+1:], text[open])
		if length < 0 {
			break
		}
		quoted := text[open+1 : open+1+length]
		out.WriteString(text[:open+1])
		if start, _, _ := strings.Cut(quoted, `\x`); len(quoted) > quoteMax && strings.Contains(content, start) {
			quoted = "…"
		}
		out.WriteString(quoted)
		text = text[open+1+length:]
		out.WriteByte(text[0])
		text = text[1:]
	}
	out.WriteString(text)
	return out.String()
}
