// Package store says what the repositories need of a database: plain types
// and small interfaces. The database is the authority on messages, order,
// membership and read positions.
package store

import "errors"

// What stores answer with instead of a result. All are permanent.
var (
	// ErrNotFound: there is no such thing, or the user may not know of it.
	ErrNotFound = errors.New("not found")
	// ErrUsernameTaken: somebody has this name, in whatever case.
	ErrUsernameTaken = errors.New("username taken")
	// ErrExists: something with this id is there already.
	ErrExists = errors.New("already exists")
	// ErrSelf: a single chat needs two different users.
	ErrSelf = errors.New("a single chat needs two users")
	// ErrBadCursor: the cursor is none that a former page gave.
	ErrBadCursor = errors.New("not a cursor")
)

// What stores fail with for a time; trying again is safe.
var (
	// ErrUnavailable: the database cannot do it right now.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrClosed: the store is closing down.
	ErrClosed = errors.New("the store is closed")
)

// ErrNewerSchema says that the database was migrated by a newer version of the program,
// which this one would corrupt.
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
	// ClientID is the sender's idempotency key, unique per sender for ever.
	ClientID string
	// Timestamp is in Unix milliseconds.
	Timestamp int64
}

// Key returns the message's idempotency key.
func (m *Message) Key() ClientKey {
	return ClientKey{ConversationID: m.ConversationID, SenderID: m.SenderID, ClientID: m.ClientID}
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
	// Stored: with the ids in the result's message.
	Stored Outcome = iota + 1
	// Duplicate: it was stored before; the result's message is what was stored then.
	Duplicate
	// NotMember: the sender is not in the conversation, or there is none.
	NotMember
	// Dissolved: the group is no more.
	Dissolved
)

// SaveResult is what became of one message.
type SaveResult struct {
	Outcome Outcome
	Message Message
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
}

// Page asks for a run of one conversation's messages, ascending.
type Page struct {
	ConversationID string
	// After and Before are exclusive bounds; Before 0 is none.
	After, Before uint64
	// Oldest takes the first Limit after After; otherwise the last Limit.
	Oldest bool
	Limit  int
}

// Span is the messages with From < seq <= To of one conversation.
type Span struct {
	ConversationID string
	From, To       uint64
}

// User is an account without its secret.
type User struct {
	ID        int64
	Username  string
	Nickname  string
	AvatarURL string
	CreatedAt int64
	// Version grows with each change, so that a cache can tell old from new.
	Version int64
}

// UserChange is a change of a profile; nil leaves a field as it is.
type UserChange struct {
	Nickname, AvatarURL *string
}

// GroupInfo is a group.
type GroupInfo struct {
	ID             int64
	ConversationID string
	Name           string
	Announcement   string
	OwnerID        int64
	MemberCount    int64
	JoinPolicy     string
	CreatedAt      int64
}

// Conversation is a conversation as one of its members sees it.
type Conversation struct {
	ID            string
	Type          Type
	PeerID        int64
	GroupID       int64
	LastSeq       uint64
	ReadSeq       uint64
	JoinSeq       uint64
	LastMessageAt int64
	// PeerReadSeq and PeerDeliveredSeq are of a single chat's other user.
	PeerReadSeq, PeerDeliveredSeq uint64
}

// MembershipKey asks whether a user is in a conversation.
type MembershipKey struct {
	ConversationID string
	UserID         int64
}

// Facts are what is known of a conversation without regard to a member.
type Facts struct {
	Type      Type
	Dissolved bool
	// UserIDs are both users of a single chat.
	UserIDs []int64
	GroupID int64
	// MemberCount is of a group.
	MemberCount int64
}

// News is a conversation in which a user may have unseen messages.
type News struct {
	ConversationID string
	Type           Type
	LastSeq        uint64
	ReadSeq        uint64
	JoinSeq        uint64
}

// Read is the result of moving a read position.
type Read struct {
	ReadSeq uint64
	LastSeq uint64
	Moved   bool
	Type    Type
	PeerID  int64
}
