// Package store says what the repositories need of a database: plain types
// and small interfaces. The database is the authority on messages, order,
// membership and read positions.
package store

import "errors"

// Permanent errors: the same call would fail again.
var (
	// ErrNotFound: there is no such thing, or the user may not know of it.
	ErrNotFound = errors.New("not found")
	// ErrUsernameTaken: somebody has this name, in whatever case.
	ErrUsernameTaken = errors.New("username taken")
	// ErrExists: something with this id is there already.
	ErrExists = errors.New("already exists")
	// ErrSelf: a single chat needs two different users.
	ErrSelf = errors.New("a single chat needs two users")
	// ErrForbidden: the role of the actor or of the other member does not allow the change.
	ErrForbidden = errors.New("the role in the group does not allow it")
	// ErrTooLarge: the group would have more members than it may.
	ErrTooLarge = errors.New("the group would be too large")
	// ErrBadCursor: the cursor was not returned by an earlier page.
	ErrBadCursor = errors.New("not a cursor")
)

// Errors that pass; repeating the call is safe.
var (
	// ErrUnavailable: the database cannot do it right now.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrClosed: the store is closing down.
	ErrClosed = errors.New("the store is closed")
)

// ErrNewerSchema says that a newer version of the program has migrated the database, in a way that
// this version cannot work with, or would corrupt.
var ErrNewerSchema = errors.New("the schema is newer than this program")

// Type is the kind of a conversation.
type Type int

// The kinds, as they are stored.
const (
	Single Type = 1
	Group  Type = 2
	World  Type = 3
)

// Message is a stored message, or one that is to be.
type Message struct {
	ID             int64
	ConversationID string
	Seq            uint64
	SenderID       int64
	Content        string
	Type           string
	// ClientID is the tempMessageId, unique for ever among the sender's messages.
	ClientID string
	// Timestamp is in Unix milliseconds.
	Timestamp int64
	// Extra is what only few messages have; nil: none of it. Copies of a message share it: replace
	// it, never modify it.
	Extra *Extra
}

// Key returns the message's idempotency key.
func (m *Message) Key() ClientKey {
	return ClientKey{ConversationID: m.ConversationID, SenderID: m.SenderID, ClientID: m.ClientID}
}

// Extra is kept as JSON beside the message.
type Extra struct {
	// ReplyTo is the number of the message that this one answers.
	ReplyTo     uint64  `json:"replyTo,omitempty"`
	Mentions    []int64 `json:"mentions,omitempty"`
	MentionsAll bool    `json:"mentionsAll,omitempty"`
	// EditedAt and RecalledAt are in Unix milliseconds.
	EditedAt   int64      `json:"editedAt,omitempty"`
	RecalledAt int64      `json:"recalledAt,omitempty"`
	RecalledBy int64      `json:"recalledBy,omitempty"`
	Reactions  []Reaction `json:"reactions,omitempty"`
	// Expired: the message's time is over, and its content is gone.
	Expired bool `json:"expired,omitempty"`
	// Edits are the numbers of the messages that edited this one. When this one is recalled, they
	// lose their text, too.
	Edits []uint64 `json:"edits,omitempty"`
	// Change is set on a message that changes an earlier one.
	Change *Change `json:"change,omitempty"`
}

// Reaction is one reaction to a message, with the users who have it.
type Reaction struct {
	Reaction string  `json:"reaction"`
	Users    []int64 `json:"users"`
}

// ChangeKind is what a change does.
type ChangeKind int

// The kinds, as they are stored.
const (
	Recall  ChangeKind = 1
	Edit    ChangeKind = 2
	React   ChangeKind = 3
	Unreact ChangeKind = 4
)

// Change is what a message does to an earlier one.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// Seq is the earlier message.
	Seq      uint64 `json:"seq"`
	Reaction string `json:"reaction,omitempty"`
	// Text is the new content of an edit. It is not stored here: a message that was read from the
	// database has none.
	Text string `json:"-"`
	// AsAdmin: the sender must be owner or admin of the group at the time when the change is stored.
	AsAdmin bool `json:"-"`
}

// ClientKey is the idempotency key of a send.
type ClientKey struct {
	ConversationID string
	SenderID       int64
	ClientID       string
}

// Outcome is what became of one message of a save.
type Outcome int

// The outcomes.
const (
	// Stored: the message is stored; the result's message has its ids.
	Stored Outcome = iota + 1
	// Duplicate: the send was stored before; the result's message is what was stored then.
	Duplicate
	// NotMember: the sender is not in the conversation, or there is no such conversation.
	NotMember
	// Dissolved: the group is dissolved.
	Dissolved
	// NoTarget: the message to reply to or to change does not exist, or the sender may not read it,
	// or the sender does not have the reaction to remove.
	NoTarget
	// Conflict: the message to change was recalled or has expired, or cannot be changed in this way.
	Conflict
	// ReactedAlready: the sender has this reaction already.
	ReactedAlready
	// Forbidden: the change is for an owner or admin, which the sender is not.
	Forbidden
	// Refused: the send was refused before, by Refusals.Refuse.
	Refused
)

// Bounds of the reactions and of the edits of one message.
const (
	MaxReactions = 500
	MaxEdits     = 100
)

// SaveResult is what became of one message.
type SaveResult struct {
	Outcome Outcome
	Message Message
	// MembersVersion and GroupSize are of a group, at the moment when the message was stored.
	MembersVersion, GroupSize int64
}

// Committed is what one transaction did to one conversation, for caches.
type Committed struct {
	ConversationID string
	// LastSeq is the newest number in the database.
	LastSeq uint64
	// TopProposed is the highest number that was proposed for any message,
	// stored or not; 0 when none was.
	TopProposed uint64
	// Stored are the new messages, ascending; Known were stored before.
	Stored, Known []Message
	// Refused were not stored and never will be.
	Refused []ClientKey
	// Changed is the number of the newest change that the transaction stored; 0: it stored none.
	// ChangedBefore is the conversation's newest change before the transaction. Updated are the
	// changed messages as they are now, Dropped the numbers of others that a cache has to read again.
	Changed, ChangedBefore uint64
	Updated                []Message
	Dropped                []uint64
}

// Tip is the end of a conversation.
type Tip struct {
	Last uint64
	// Changed is the number of the newest change; 0: there is none.
	Changed uint64
	// Expired is the number up to which messages have expired.
	Expired uint64
}

// Page asks for a run of one conversation's messages, ascending.
type Page struct {
	ConversationID string
	// After and Before are exclusive bounds; Before 0 is none.
	After, Before uint64
	// Oldest: the first Limit messages after After; otherwise the last Limit before Before.
	Oldest bool
	Limit  int
}

// Span is the messages with From < seq <= To of one conversation. Changed is the number of the
// conversation's newest change when the span was asked for: messages of a cache or a replica that
// lacks this change are not used. Expired is the number up to which messages had expired: content
// that a cache or a replica still has of them must not be shown.
type Span struct {
	ConversationID string
	From, To       uint64
	Changed        uint64
	Expired        uint64
}
