package contracts

import (
	"strconv"
	"unicode/utf8"
)

// appender is a frame's data that writes its own JSON without reflection: one such frame is made for each message.
// The text must equal that of encoding/json without HTML escapes.
type appender interface {
	appendJSON(b []byte) []byte
	// sizeJSON estimates how many bytes appendJSON appends.
	sizeJSON() int
}

func (d StoredData) sizeJSON() int {
	return 128 + len(d.TempMessageID) + len(d.MessageID) + len(d.ConversationID)
}

func (d StoredData) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"tempMessageId":`...), d.TempMessageID)
	b = appendText(append(b, `,"messageId":`...), d.MessageID)
	b = appendText(append(b, `,"conversationId":`...), d.ConversationID)
	b = strconv.AppendUint(append(b, `,"seqId":`...), d.SeqID, 10)
	b = strconv.AppendInt(append(b, `,"timestamp":`...), d.Timestamp, 10)
	return append(b, '}')
}

func (d MessageData) sizeJSON() int {
	return 256 + len(d.Content) + len(d.TempMessageID) + len(d.MessageID) + len(d.ConversationID)
}

func (d MessageData) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"messageId":`...), d.MessageID)
	b = appendText(append(b, `,"conversationId":`...), d.ConversationID)
	b = strconv.AppendUint(append(b, `,"seqId":`...), d.SeqID, 10)
	b = appendText(append(b, `,"senderId":`...), d.SenderID)
	b = appendText(append(b, `,"content":`...), d.Content)
	b = appendText(append(b, `,"messageType":`...), d.MessageType)
	b = appendText(append(b, `,"tempMessageId":`...), d.TempMessageID)
	b = strconv.AppendInt(append(b, `,"timestamp":`...), d.Timestamp, 10)
	return append(d.appendMore(b), '}')
}

// appendMore appends the optional fields, which most messages leave empty.
func (d MessageData) appendMore(b []byte) []byte {
	if d.ReplyToSeq != 0 {
		b = strconv.AppendUint(append(b, `,"replyToSeq":`...), d.ReplyToSeq, 10)
	}
	if len(d.Mentions) > 0 {
		b = appendTexts(append(b, `,"mentions":`...), d.Mentions)
	}
	if d.EditedAt != 0 {
		b = strconv.AppendInt(append(b, `,"editedAt":`...), d.EditedAt, 10)
	}
	if d.RecalledAt != 0 {
		b = strconv.AppendInt(append(b, `,"recalledAt":`...), d.RecalledAt, 10)
	}
	if d.RecalledBy != "" {
		b = appendText(append(b, `,"recalledBy":`...), d.RecalledBy)
	}
	if len(d.Reactions) > 0 {
		b = appendReactions(append(b, `,"reactions":`...), d.Reactions)
	}
	if d.Expired {
		b = append(b, `,"expired":true`...)
	}
	return b
}

func appendReactions(b []byte, all []ReactionData) []byte {
	for i, r := range all {
		b = appendText(append(append(b, separator(i)), `{"reaction":`...), r.Reaction)
		b = append(b, `,"userIds":`...)
		if r.UserIDs == nil {
			b = append(b, `null`...)
		} else {
			b = appendTexts(b, r.UserIDs)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendTexts(b []byte, texts []string) []byte {
	if len(texts) == 0 {
		return append(b, '[', ']')
	}
	for i, text := range texts {
		b = appendText(append(b, separator(i)), text)
	}
	return append(b, ']')
}

// separator returns the byte before an array's element at index at: '[' before the first, ',' before any other.
func separator(at int) byte {
	if at == 0 {
		return '['
	}
	return ','
}

const hexDigits = "0123456789abcdef"

// appendText appends s in quotes. Bytes that are not UTF-8 become U+FFFD, and U+2028 and U+2029 are escaped, as in
// encoding/json, because JavaScript took them for line ends.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			if !escapes(r, size) {
				i += size
				continue
			}
		}
		b = appendEscape(append(b, s[start:i]...), r)
		i += size
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// escapes reports whether a rune beyond ASCII, decoded from size bytes, must be written as an escape.
func escapes(r rune, size int) bool {
	return r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029'
}

func appendEscape(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
