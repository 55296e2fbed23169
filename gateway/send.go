package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// sendReader reads the members of a send-message, noting wrong types, so that the
// tempMessageId is known even of a send that is wrong elsewhere.
type sendReader struct {
	contracts.SendData
	seen     uint8
	mentions value
	wrong    map[string]string
}

func (r *sendReader) member(name []byte, v value) error {
	switch string(name) {
	case "conversationId":
		return r.text(1, "conversationId", v, &r.ConversationID)
	case "receiverId":
		return r.text(2, "receiverId", v, &r.ReceiverID)
	case "content":
		return r.text(4, "content", v, &r.Content)
	case "messageType":
		return r.kind(v)
	case "tempMessageId":
		return r.text(16, "tempMessageId", v, &r.TempMessageID)
	case "replyToSeq":
		return r.reply(v)
	case "mentions":
		if r.seen&64 != 0 {
			return errJSONDuplicate
		}
		r.seen |= 64
		r.mentions = v
	}
	return nil
}

func (r *sendReader) reply(v value) error {
	if r.seen&32 != 0 {
		return errJSONDuplicate
	}
	r.seen |= 32
	if v.isNull() {
		return nil
	}
	n, ok := v.count()
	if !ok || n == 0 {
		r.bad("replyToSeq", "the number of a message")
	}
	r.ReplyToSeq = n
	return nil
}

func (r *sendReader) text(bit uint8, name string, v value, to *string) error {
	if r.seen&bit != 0 {
		return errJSONDuplicate
	}
	r.seen |= bit
	if v.isNull() {
		return nil
	}
	s, ok := v.str()
	if !ok {
		r.bad(name, "a string")
		return nil
	}
	*to = s
	return nil
}

// kind is text for the message type, without allocating the most common one.
func (r *sendReader) kind(v value) error {
	if string(v.raw) == `"text"` && r.seen&8 == 0 {
		r.seen |= 8
		r.MessageType = contracts.TypeText
		return nil
	}
	return r.text(8, "messageType", v, &r.MessageType)
}

func (r *sendReader) bad(name, must string) {
	if r.wrong == nil {
		r.wrong = map[string]string{}
	}
	if _, told := r.wrong[name]; !told {
		r.wrong[name] = must
	}
}

// check validates what was read and makes an upstream send of it; the error names every field that is wrong.
func (r *sendReader) check(limits contracts.Limits, sender contracts.UserID) (*pb.Upstream, *contracts.Error) {
	r.note("tempMessageId", limits.CheckTempMessageID(r.TempMessageID))
	r.note("content", limits.CheckContent(r.Content))
	r.note("messageType", limits.CheckMessageType(r.MessageType))
	up := &pb.Upstream{
		SenderId: int64(sender), ConversationId: r.ConversationID, Content: r.Content,
		MessageType: r.MessageType, TempMessageId: r.TempMessageID, AcceptedAt: time.Now().UnixMilli(),
		ReplyToSeq: r.ReplyToSeq,
	}
	if len(r.mentions.raw) > 0 && !r.mentions.isNull() {
		r.mention(up, limits.Mentions)
	}
	switch {
	case (r.ConversationID == "") == (r.ReceiverID == ""):
		r.bad("conversationId", "either conversationId or receiverId, and not both")
	case r.ReceiverID != "":
		r.receiver(up)
	}
	if len(r.wrong) > 0 {
		return nil, invalidFields(r.wrong)
	}
	if r.ConversationID != "" && !contracts.ConversationID(r.ConversationID).Valid() {
		return nil, contracts.NewError(contracts.CodeNotFound, "There is no such conversation.")
	}
	return up, nil
}

// mention reads whom the message mentions.
func (r *sendReader) mention(up *pb.Upstream, most int) {
	texts, ok := r.mentions.strings(most)
	if all, isText := r.mentions.str(); isText {
		texts, ok = []string{all}, all == contracts.MentionAll
	}
	for _, text := range texts {
		if text == contracts.MentionAll {
			up.MentionsAll = true
			continue
		}
		id, err := contracts.ParseUserID(text)
		ok = ok && err == nil
		up.Mentions = append(up.Mentions, int64(id))
	}
	if !ok {
		r.bad("mentions", fmt.Sprintf("an array of at most %d user ids, or %q", most, contracts.MentionAll))
	}
}

func (r *sendReader) note(name, must string) {
	if must != "" {
		r.bad(name, must)
	}
}

func (r *sendReader) receiver(up *pb.Upstream) {
	to, err := contracts.ParseUserID(r.ReceiverID)
	switch {
	case err != nil:
		r.bad("receiverId", "a user id in decimal digits")
	case int64(to) == up.SenderId:
		r.bad("receiverId", "another user's id")
	default:
		up.ReceiverId = int64(to)
		up.ConversationId = string(contracts.SingleConversation(contracts.UserID(up.SenderId), to))
	}
}

// invalidFields makes one error of all fields that are wrong; its message names
// them, since frames carry no fields.
func invalidFields(wrong map[string]string) *contracts.Error {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		parts = append(parts, name+": "+wrong[name])
	}
	e := contracts.NewError(contracts.CodeInvalidArgument, strings.Join(parts, "; "))
	e.Fields = wrong
	return e
}
