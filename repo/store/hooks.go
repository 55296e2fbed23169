package store

import (
	"context"
	"time"
)

// Hooks remembers how far each webhook has got in each conversation.
type Hooks interface {
	// BeginHooks makes hooks that are not known yet.
	BeginHooks(ctx context.Context, hooks []HookBegin) error
	// RaiseNews notes that conversations have messages up to a number.
	RaiseNews(ctx context.Context, hooks []string, news map[string]uint64) error
	// ScanNews looks at a page of all conversations that come after one, and raises
	// what the hooks do not know of; next is empty after the last page.
	ScanNews(ctx context.Context, hooks []string, after string, limit int) (next string, raised int, err error)
	// TakeNews settles what was taken before and takes what is due.
	TakeNews(ctx context.Context, take Take) (Taken, error)
	// HurryHook makes conversations due that wait after a failure.
	HurryHook(ctx context.Context, hook string) error
}

// HookStates tells how hooks do.
type HookStates interface {
	HookStats(ctx context.Context) ([]HookStat, error)
}

// HookBegin is a hook that may be new.
type HookBegin struct {
	Hook string
	// FromStart begins with all messages that are there.
	FromStart bool
}

// Take settles and takes.
type Take struct {
	Hook    string
	Settled []Settled
	Limit   int
	// Lease is for how long what is taken belongs to the one who takes it. Processes
	// tell it by their own clocks, which differ by less than what a lease has to spare.
	Lease time.Duration
	// Note, unless nil, is what the receiver last failed with, or "" for a success.
	Note *string
}

// Settled is what became of a claim.
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
	// Lost counts the settled ones that belong to another one by now.
	Lost int
}

// Claim is a conversation with news.
type Claim struct {
	ConversationID string
	// Claim grows each time that the conversation is taken or replayed.
	Claim int64
	// Seq is the last number that the receiver has, News the last that is there.
	Seq, News uint64
	Tries     int
	Replays   int64
}

// HookStat is how a hook does; times are in Unix milliseconds.
type HookStat struct {
	Hook    string
	BegunAt int64
	// Conversations and Messages are what the receiver has not taken.
	Conversations, Messages int64
	WaitingSince            int64
	Error                   string
	ErrorAt, TakenAt        int64
}

// Replay asks to move cursors of a hook back.
type Replay struct {
	Hook string
	// ConversationID, unless empty, is the only one.
	ConversationID string
	// FromSeq is the first number to be sent again; 0: the first of Since.
	FromSeq uint64
	Since   time.Time
	// Try counts only.
	Try bool
}

// Replayed is what a replay moves.
type Replayed struct{ Conversations, Messages int64 }
