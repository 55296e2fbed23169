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
	// ErrForbidden: somebody's role in the group is not as required.
	ErrForbidden = errors.New("the role in the group does not allow it")
	// ErrTooLarge: the group would have more members than it may.
	ErrTooLarge = errors.New("the group would be too large")
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

// ErrNewerSchema says that the database was migrated by a newer version of the program, in a
// way that this one cannot work with, or would corrupt.
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
	// Extra is what few messages have; nil: none of it. It is never changed, but replaced.
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
	// Expired: its time is over, and what it said is gone.
	Expired bool `json:"expired,omitempty"`
	// Edits are the numbers of the messages that edited this one: their text goes with a
	// recall, too.
	Edits []uint64 `json:"edits,omitempty"`
	// Change is set on a message that changes an earlier one.
	Change *Change `json:"change,omitempty"`
}

// Reaction is what users answered a message with.
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
	// Text is the new content of an edit; only what is to be stored has it.
	Text string `json:"-"`
	// AsAdmin: the sender must be an owner or admin of the group, when it is stored.
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
	// Stored: with the ids in the result's message.
	Stored Outcome = iota + 1
	// Duplicate: it was stored before; the result's message is what was stored then.
	Duplicate
	// NotMember: the sender is not in the conversation, or there is none.
	NotMember
	// Dissolved: the group is no more.
	Dissolved
	// NoTarget: the message to answer or to change is not there for the sender.
	NoTarget
	// Conflict: it was recalled or has expired, or cannot be changed in this way.
	Conflict
	// ReactedAlready: the sender reacted so before.
	ReactedAlready
	// Forbidden: the sender is no owner or admin.
	Forbidden
	// Refused: by Refusals.Refuse, before.
	Refused
)

// Bounds of what one message gathers.
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
	// Changed is the newest message that changed earlier ones, ChangedBefore what it was before
	// the transaction; both 0 when it changed none. Updated are the earlier messages as they
	// are now, Dropped others of them that a cache has to read again.
	Changed, ChangedBefore uint64
	Updated                []Message
	Dropped                []uint64
}

// Tip is the end of a conversation.
type Tip struct {
	Last uint64
	// Changed is the newest message that changed an earlier one; 0: none did.
	Changed uint64
	// Expired is the number up to which messages have expired.
	Expired uint64
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

// Span is the messages with From < seq <= To of one conversation. Changed is the
// conversation's newest change when the span was asked for: what a cache or a replica holds
// must not be older. Expired is the number up to which messages had expired: what a cache or a
// replica still has of them is not to be shown.
type Span struct {
	ConversationID string
	From, To       uint64
	Changed        uint64
	Expired        uint64
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
	// DissolvedAt is 0 for a group that lives.
	DissolvedAt int64
}

// Conversation is a conversation as one of its members sees it.
type Conversation struct {
	ID      string
	Type    Type
	PeerID  int64
	GroupID int64
	LastSeq uint64
	ReadSeq uint64
	JoinSeq uint64
	Changed uint64
	Expired uint64
	// LastMessageAt and MessageSeq are of the newest message that is no system message; MessageSeq
	// is 0 when there is none that the member may read. Unread counts those after ReadSeq. What
	// only lists conversations leaves the two numbers out.
	LastMessageAt int64
	MessageSeq    uint64
	Unread        uint64
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
	// MembersVersion grows with each change of who is in a group; GroupSize is how many are, or
	// were at most within the last minute.
	MembersVersion, GroupSize int64
}

// Standing is a member's place in a conversation.
type Standing struct {
	// JoinSeq: nothing at or below it is for the member to read.
	JoinSeq uint64
	// Role is the role in a group.
	Role string
}

// News is a conversation in which a user may have unseen messages.
type News struct {
	ConversationID string
	Type           Type
	LastSeq        uint64
	ReadSeq        uint64
	JoinSeq        uint64
	Changed        uint64
	Expired        uint64
}

// Read is the result of moving a read position.
type Read struct {
	ReadSeq uint64
	LastSeq uint64
	Unread  uint64
	Moved   bool
	Type    Type
	PeerID  int64
}
