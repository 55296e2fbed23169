package store

import "context"

// Saver stores messages. Concurrent calls may share a transaction.
type Saver interface {
	// Save stores a run of messages; results are in the run's order. A message that may not be
	// stored does not fail the others. After ErrUnavailable, ErrClosed or the context's error it
	// is unknown whether anything was stored; repeating the call is safe.
	Save(ctx context.Context, run []Message) ([]SaveResult, error)
}

// Messages reads stored messages.
type Messages interface {
	// Tips returns the end of each conversation; one that does not exist is left out.
	Tips(ctx context.Context, conversations []string) (map[string]Tip, error)
	// Page reads one page.
	Page(ctx context.Context, p Page) ([]Message, error)
	// Spans reads several spans in few queries; the result has one list for each span, in order.
	Spans(ctx context.Context, spans []Span) ([][]Message, error)
	// ByClientID finds a sender's message by its tempMessageId; ErrNotFound.
	ByClientID(ctx context.Context, senderID int64, clientID string) (Message, error)
}

// Singles makes single chats.
type Singles interface {
	// EnsureSingle makes the single chat of two users when it is missing.
	// ErrNotFound when a user does not exist, ErrSelf.
	EnsureSingle(ctx context.Context, userID, peerID int64) (id string, created bool, err error)
	// BeginSingles makes the missing single chats of first messages together; results are in the order of sends.
	// Repeating the call is safe.
	BeginSingles(ctx context.Context, sends []FirstSend) ([]FirstSent, error)
}

// Conversations reads and changes conversations as their members see them.
type Conversations interface {
	// Conversation reads one conversation; ErrNotFound also when the user is not in it.
	Conversation(ctx context.Context, id string, userID int64) (Conversation, error)
	// List reads a page of a user's conversations, newest message first, with
	// the cursor of the next page or "". ErrBadCursor.
	List(ctx context.Context, userID int64, cursor string, limit int) ([]Conversation, string, error)
	// MarkRead raises the user's read position to seq, but not past the last message, and never
	// lowers it. ErrNotFound as for Conversation.
	MarkRead(ctx context.Context, id string, userID int64, seq uint64) (Read, error)
	// Wrote reports which members have sent a message that is no system message. For messages that
	// an older program stored, each call looks through a part of the conversation: the answer may
	// be false until the call was repeated often enough.
	Wrote(ctx context.Context, keys []MembershipKey) (map[MembershipKey]bool, error)
	// Memberships lists a user's conversations, newest message first.
	Memberships(ctx context.Context, userID int64) ([]News, error)
}

// Epochs reads the store's epoch, which shows clients that an older state of the data was put back.
type Epochs interface {
	// Epoch returns the present epoch. The first one is made with the schema.
	Epoch(ctx context.Context) (string, error)
}

// Members tells who is in which conversation.
type Members interface {
	// Facts returns the facts of each conversation; one that does not exist is left out.
	Facts(ctx context.Context, conversations []string) (map[string]Facts, error)
	// Standings returns the standing of each key; a user who is not in the conversation is left out.
	Standings(ctx context.Context, keys []MembershipKey) (map[MembershipKey]Standing, error)
	// Recipients lists up to limit members of a group with ids above after, ascending, with the
	// join floor of each.
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
