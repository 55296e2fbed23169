// Package wire has stored messages in the form in which they cross the borders of processes.
package wire

import (
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

// Proto returns a message as it crosses process borders.
func Proto(m *store.Message) *pb.Message {
	out := &pb.Message{
		MessageId: m.ID, ConversationId: m.ConversationID, SeqId: m.Seq, SenderId: m.SenderID,
		Content: m.Content, MessageType: m.Type, TempMessageId: m.ClientID, Timestamp: m.Timestamp,
	}
	e := m.Extra
	if e == nil {
		return out
	}
	out.ReplyToSeq, out.Mentions, out.MentionsAll = e.ReplyTo, e.Mentions, e.MentionsAll
	out.EditedAt, out.RecalledAt, out.RecalledBy, out.EditSeqs = e.EditedAt, e.RecalledAt, e.RecalledBy, e.Edits
	out.Expired = e.Expired
	for _, r := range e.Reactions {
		out.Reactions = append(out.Reactions, &pb.Reaction{Reaction: r.Reaction, UserIds: r.Users})
	}
	if c := e.Change; c != nil {
		out.Change = &pb.Change{Kind: pb.Change_Kind(c.Kind), SeqId: c.Seq, Content: c.Text, Reaction: c.Reaction, AsAdmin: c.AsAdmin}
	}
	return out
}

// FromProto is the inverse of Proto.
func FromProto(m *pb.Message) store.Message {
	return store.Message{
		ID: m.GetMessageId(), ConversationID: m.GetConversationId(), Seq: m.GetSeqId(), SenderID: m.GetSenderId(),
		Content: m.GetContent(), Type: m.GetMessageType(), ClientID: m.GetTempMessageId(), Timestamp: m.GetTimestamp(),
		Extra: extra(m),
	}
}

// extra returns nil for a message that has nothing beside its text.
func extra(m *pb.Message) *store.Extra {
	if m.GetReplyToSeq() == 0 && len(m.GetMentions()) == 0 && !m.GetMentionsAll() && m.GetEditedAt() == 0 &&
		m.GetRecalledAt() == 0 && len(m.GetReactions()) == 0 && m.GetChange() == nil && !m.GetExpired() {
		return nil
	}
	e := &store.Extra{
		ReplyTo: m.GetReplyToSeq(), Mentions: m.GetMentions(), MentionsAll: m.GetMentionsAll(),
		EditedAt: m.GetEditedAt(), RecalledAt: m.GetRecalledAt(), RecalledBy: m.GetRecalledBy(), Edits: m.GetEditSeqs(),
		Expired: m.GetExpired(),
	}
	for _, r := range m.GetReactions() {
		e.Reactions = append(e.Reactions, store.Reaction{Reaction: r.GetReaction(), Users: r.GetUserIds()})
	}
	if c := m.GetChange(); c != nil {
		e.Change = &store.Change{
			Kind: store.ChangeKind(c.GetKind()), Seq: c.GetSeqId(), Text: c.GetContent(), Reaction: c.GetReaction(), AsAdmin: c.GetAsAdmin(),
		}
	}
	return e
}
