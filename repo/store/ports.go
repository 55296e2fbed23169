package store

import "context"

// Saver stores messages. Concurrent calls may share a transaction.
type Saver interface {
	// Save stores a run of messages; results are in the run's order. A refused
	// message never fails the others. ErrUnavailable, ErrClosed or the
	// context's error when it is unknown whether anything was stored.
	Save(ctx context.Context, run []Message) ([]SaveResult, error)
}

// Messages reads stored messages.
type Messages interface {
	// Tips returns the end of each conversation; one that does not exist is left out.
	Tips(ctx context.Context, conversations []string) (map[string]Tip, error)
	// Page reads one page.
	Page(ctx context.Context, p Page) ([]Message, error)
	// Spans reads several spans in few queries; the result has one run per span,
	// in order.
	Spans(ctx context.Context, spans []Span) ([][]Message, error)
	// ByClientID finds a sender's message; ErrNotFound.
	ByClientID(ctx context.Context, senderID int64, clientID string) (Message, error)
}

// Conversations reads and changes conversations as their members see them.
type Conversations interface {
	// EnsureSingle makes the single chat of two users when it is missing.
	// ErrNotFound when a user does not exist, ErrSelf.
	EnsureSingle(ctx context.Context, userID, peerID int64) (id string, created bool, err error)
	// Conversation reads one; ErrNotFound also when the user is not in it.
	Conversation(ctx context.Context, id string, userID int64) (Conversation, error)
	// List reads a page of a user's conversations, newest message first, with
	// the cursor of the next page or "". ErrBadCursor.
	List(ctx context.Context, userID int64, cursor string, limit int) ([]Conversation, string, error)
	// MarkRead raises a read position, never past the last message and never
	// back. ErrNotFound as above.
	MarkRead(ctx context.Context, id string, userID int64, seq uint64) (Read, error)
	// Wrote tells which members have a message stored that is no system message. Of a long history
	// that an older program has stored, an answer may be no until the call was repeated.
	Wrote(ctx context.Context, keys []MembershipKey) (map[MembershipKey]bool, error)
	// Memberships lists a user's conversations, newest message first.
	Memberships(ctx context.Context, userID int64) ([]News, error)
}

// Epochs tell one state of the store from another that a backup brought back.
type Epochs interface {
	// Epoch returns the present one, which is made with the schema.
	Epoch(ctx context.Context) (string, error)
}

// Members answers who is in what.
type Members interface {
	// Facts of each conversation; one that does not exist is left out.
	Facts(ctx context.Context, conversations []string) (map[string]Facts, error)
	// Standings answers each key; who is not in the conversation is left out.
	Standings(ctx context.Context, keys []MembershipKey) (map[MembershipKey]Standing, error)
	// Recipients lists the users in a group that come after a user, ascending, with
	// the number up to which nothing is for them.
	Recipients(ctx context.Context, groupID, after int64, limit int) (ids []int64, joinSeqs []uint64, err error)
	// Groups reads groups by id, dissolved ones too; one that does not exist is left out.
	Groups(ctx context.Context, ids []int64) (map[int64]GroupInfo, error)
}

// Users keeps accounts.
type Users interface {
	// Create makes an account and puts it in world. ErrUsernameTaken, ErrExists.
	Create(ctx context.Context, u User, passwordHash string) (User, error)
	// ByID reads users; who does not exist is left out.
	ByID(ctx context.Context, ids []int64) (map[int64]User, error)
	// ByName finds by name without regard to case, with the password hash;
	// ErrNotFound.
	ByName(ctx context.Context, username string) (User, string, error)
	// Update changes a profile; ErrNotFound.
	Update(ctx context.Context, id int64, c UserChange) (User, error)
}
