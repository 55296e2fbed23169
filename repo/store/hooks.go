package store

import (
	"context"
	"time"
)

// Hooks keeps the cursors: how far each webhook's receiver is in each conversation.
type Hooks interface {
	// BeginHooks makes those of the hooks that do not exist; an existing one stays as it is.
	BeginHooks(ctx context.Context, hooks []HookBegin) error
	// RaiseNews notes for hooks that conversations have messages up to a number. It never lowers one.
	RaiseNews(ctx context.Context, hooks []string, news map[string]uint64) error
	// ScanNews compares the next limit conversations after after with what the hooks know, and
	// raises what RaiseNews was not told. raised is how many conversations had news; next is where
	// the next page begins, empty after the last page.
	ScanNews(ctx context.Context, hooks []string, after string, limit int) (next string, raised int, err error)
	// TakeNews settles claims from earlier calls and takes conversations that are due, in one
	// transaction.
	TakeNews(ctx context.Context, take Take) (Taken, error)
	// HurryHook makes those conversations due now that wait for a retry after a failure.
	HurryHook(ctx context.Context, hook string) error
}

// HookStates reports how far hooks have got.
type HookStates interface {
	HookStats(ctx context.Context) ([]HookStat, error)
}

// HookBegin is a hook that may be new.
type HookBegin struct {
	Hook string
	// FromStart: the hook gets all stored messages; otherwise only those stored from now on.
	FromStart bool
}

// Take is a call of TakeNews.
type Take struct {
	Hook    string
	Settled []Settled
	Limit   int
	// Lease is how long the taken conversations belong to the caller. Each process measures it by
	// its own clock, so that it has to exceed the work by more than clocks differ.
	Lease time.Duration
	// Note, unless nil, is the error of the receiver's last failure, or "" for a success.
	Note *string
}

// Settled is the outcome of a claim. Seq is the new cursor; a conversation with news above it is due
// again in RetryIn.
type Settled struct {
	ConversationID string
	Claim          int64
	Seq            uint64
	Tries          int
	RetryIn        time.Duration
}

// Taken is the answer to a Take.
type Taken struct {
	Claims []Claim
	// Lost counts the settled claims that did not hold any more; settling them changed nothing.
	Lost int
}

// Claim is a conversation with news that the caller has taken.
type Claim struct {
	ConversationID string
	// Claim grows each time that the conversation is taken or replayed.
	Claim int64
	// Seq is the last number that the receiver has, News the last one that is stored as far as
	// the hook knows.
	Seq, News uint64
	Tries     int
	Replays   int64
}

// HookStat is how far a hook has got; times are in Unix milliseconds.
type HookStat struct {
	Hook    string
	BegunAt int64
	// Conversations and Messages count what waits for the receiver.
	Conversations, Messages int64
	WaitingSince            int64
	Error                   string
	ErrorAt, TakenAt        int64
}

// Replay asks to move cursors of a hook back.
type Replay struct {
	Hook string
	// ConversationID, unless empty, is the only conversation to replay.
	ConversationID string
	// FromSeq is the first number to be sent again; 0: the first message from Since on.
	FromSeq uint64
	Since   time.Time
	// Try: count what would be moved, and move nothing.
	Try bool
}

// Replayed counts what a replay sends again.
type Replayed struct{ Conversations, Messages int64 }
