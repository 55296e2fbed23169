package store

import "context"

// Receipts keeps what has reached the members of conversations. Reading implies
// delivered: the effective position is the greater of the two.
type Receipts interface {
	// MarkDelivered raises delivered positions, never past the last message and
	// never back, and returns those that it moved. Who is not in a conversation is
	// passed over.
	MarkDelivered(ctx context.Context, positions []Position) ([]Delivered, error)
	// Readers reads one page of those who have read a message, ascending by user.
	// ErrNotFound when the user who asks may not read the message, or there is none.
	Readers(ctx context.Context, ask ReadersPage) (Readers, error)
}

// Position is a member's position in a conversation.
type Position struct {
	MembershipKey
	Seq uint64
}

// Delivered is a delivered position that was moved.
type Delivered struct {
	Position
	Type   Type
	PeerID int64
}

// ReadersPage asks for a page of the readers of a message, as UserID may see it.
type ReadersPage struct {
	MembershipKey
	Seq uint64
	// After is exclusive.
	After int64
	Limit int
}

// Readers are those who have read a message. The counts are of all members but its
// sender whose membership covers it.
type Readers struct {
	Read, Delivered, Members int64
	Page                     []Position
	More                     bool
}
