package store

import "context"

// Receipts keeps the delivered positions of members. What is read is delivered, too: the delivered
// position that counts is the greater of the two positions.
type Receipts interface {
	// MarkDelivered raises delivered positions, but not past the last message, never lowers one,
	// and returns the moved ones. A position of a user who is not in the conversation is skipped.
	MarkDelivered(ctx context.Context, positions []Position) ([]Delivered, error)
	// Readers reads one page of the members who have read a message, ascending by user. ErrNotFound
	// when there is no such message or the user who asks may not read it.
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

// Readers are the members who have read a message. The counts are over all present members who
// joined before the message, without its sender.
type Readers struct {
	Read, Delivered, Members int64
	Page                     []Position
	More                     bool
}
