package store

import (
	"context"
	"time"

	"github.com/gochat/gochat/contracts"
)

// Retention removes what was kept long enough.
type Retention interface {
	// DueConversations lists up to limit conversations that may have messages to expire. Of those
	// with the same kind and retention the longest overdue come first; different retentions take
	// turns, so that none of them waits for another.
	DueConversations(ctx context.Context, keep Keep, limit int, now time.Time) ([]Due, error)
	// Expire removes the content of at most limit messages whose time is over, the lowest numbers
	// first. It returns the result for each conversation that it got to before the limit. The
	// conversations stay due until Kept, before which the caller brings caches up to date.
	Expire(ctx context.Context, conversations []string, keep Keep, limit int, now time.Time) ([]Expired, error)
	// Kept sets when conversations are due again, by their oldest message that has not expired.
	Kept(ctx context.Context, conversations []string) error
	// ForgetOldPoison deletes at most limit poison records that were given up before a time, except
	// those that an operator wants back in their topics, and returns how many.
	ForgetOldPoison(ctx context.Context, before time.Time, limit int) (int64, error)
	// ForgetHookErrors deletes the last errors of hooks that are from before a time, and returns how
	// many hooks had one.
	ForgetHookErrors(ctx context.Context, before time.Time) (int64, error)
}

// Keep is the retention of each kind of conversation; 0: messages are kept for ever.
type Keep struct{ Single, Group, World time.Duration }

// Of returns the retention of a kind.
func (k Keep) Of(t Type) time.Duration {
	switch t {
	case Single:
		return k.Single
	case Group:
		return k.Group
	case World:
		return k.World
	}
	return 0
}

// Due is a conversation that may have messages whose time is over.
type Due struct {
	ConversationID string
	// Overdue is how far the oldest message is beyond its retention; 0: not known.
	Overdue time.Duration
}

// Expired is what one call of Expire did to a conversation.
type Expired struct {
	ConversationID string
	// Through is the number up to which messages have expired, Messages how many did in this call.
	Through  uint64
	Messages int
	// Edits are the numbers of edits that lost their text because the edited message has expired,
	// and that have not expired themselves.
	Edits []uint64
}

// RetentionState is how long a conversation keeps its messages, and how far that has got.
type RetentionState struct {
	ConversationID string
	Type           Type
	// Override is the conversation's own retention, 0: for ever; nil: that of its kind holds.
	Override *time.Duration
	// Expired is the number up to which messages have expired, of LastSeq.
	Expired, LastSeq uint64
}

// Expire reduces the message to what is left of it when all messages of its conversation up to through
// have expired, and reports whether that changed the message. System messages about who came and
// went stay as they are, and of a change it stays known that a message was edited, recalled or
// reacted to.
func (m *Message) Expire(through uint64) bool {
	var e Extra
	if m.Extra != nil {
		e = *m.Extra
	}
	due := m.Seq <= through
	if m.Type == contracts.TypeSystem {
		return m.expireChange(e, due, through)
	}
	if !due || e.Expired {
		return false
	}
	m.Content = ""
	m.Extra = &Extra{ReplyTo: e.ReplyTo, EditedAt: e.EditedAt, RecalledAt: e.RecalledAt, RecalledBy: e.RecalledBy, Expired: true}
	return true
}

// expireChange is Expire for a system message. An edit loses its text as soon as the edited message
// has expired, also when the edit itself has not.
func (m *Message) expireChange(e Extra, due bool, through uint64) bool {
	if e.Change == nil || e.Expired {
		return false
	}
	ch := *e.Change
	var left string
	switch {
	case ch.Kind == Edit && (due || ch.Seq <= through):
		left = contracts.SystemContent{Event: contracts.EventEdited, SeqID: ch.Seq}.Text()
		ch.Text = ""
	case ch.Kind == React && due:
		left, ch.Reaction = contracts.SystemContent{Event: contracts.EventReactionAdded, SeqID: ch.Seq}.Text(), ""
	case ch.Kind == Unreact && due:
		left, ch.Reaction = contracts.SystemContent{Event: contracts.EventReactionRemoved, SeqID: ch.Seq}.Text(), ""
	default:
		return false
	}
	if left == m.Content && !due {
		return false
	}
	e.Change, e.Expired = &ch, due
	m.Content, m.Extra = left, &e
	return true
}
