package store

import (
	"context"
	"time"

	"github.com/gochat/gochat/contracts"
)

// Retention takes away what was kept long enough.
type Retention interface {
	// DueConversations lists conversations that may have messages whose time is over, at most limit
	// of them, those that have waited longest first among those with the same time; these take turns.
	DueConversations(ctx context.Context, keep Keep, limit int, now time.Time) ([]Due, error)
	// Expire takes the content of at most limit messages of conversations whose time is over, the
	// lowest numbers first, and returns what became of those conversations that there was room for.
	// Caches and copies have to follow: the conversations stay due until Kept.
	Expire(ctx context.Context, conversations []string, keep Keep, limit int, now time.Time) ([]Expired, error)
	// Kept notes when conversations are to be looked at again.
	Kept(ctx context.Context, conversations []string) error
	// ForgetOldPoison deletes at most limit records that were given up before a time, but none that
	// is on its way back, and tells how many.
	ForgetOldPoison(ctx context.Context, before time.Time, limit int) (int64, error)
	// ForgetHookErrors deletes what hooks failed with last before a time, and tells of how many.
	ForgetHookErrors(ctx context.Context, before time.Time) (int64, error)
}

// Keep is for how long messages are kept in each kind of conversation; 0: for ever.
type Keep struct{ Single, Group, World time.Duration }

// Of returns the time of a kind.
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
	// Overdue is for how long its oldest message has outlived its time; 0: that is not known.
	Overdue time.Duration
}

// Expired is what became of a conversation.
type Expired struct {
	ConversationID string
	// Through is the number up to which its messages have expired, Messages how many just now.
	Through  uint64
	Messages int
	// Edits have lost the text of what expired, and have not expired themselves.
	Edits []uint64
}

// RetentionState is how long a conversation keeps its messages, and how far that has got.
type RetentionState struct {
	ConversationID string
	Type           Type
	// Override is the conversation's own time, 0: for ever; nil: that of its kind holds.
	Override *time.Duration
	// Expired is the number up to which messages have expired, of LastSeq.
	Expired, LastSeq uint64
}

// Expire makes of the message what is left once all of its conversation up to a number have
// expired, and reports whether that is another one than before. What says who came and went
// stays, as does that something was edited, recalled or reacted to.
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

// expireChange: an edit loses its text as soon as what it has edited expires.
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
