// Package webhook posts stored messages to the URLs of others: at least once, in the
// order of each conversation. The database is the log: an event says only that a
// conversation has news, a cursor for each hook and conversation says how far its
// receiver is, and the messages after the cursor are read from history. So a receiver
// may be away for as long as it likes without holding up another hook or the queue.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// News notes which conversations have news.
type News interface {
	BeginHooks(ctx context.Context, in *pb.BeginHooksRequest) (*pb.BeginHooksResponse, error)
	RaiseNews(ctx context.Context, in *pb.RaiseNewsRequest) (*pb.RaiseNewsResponse, error)
	ScanNews(ctx context.Context, in *pb.ScanNewsRequest) (*pb.ScanNewsResponse, error)
}

// Cursors gives out conversations with news, each to one process at a time, under a lease.
type Cursors interface {
	TakeNews(ctx context.Context, in *pb.TakeNewsRequest) (*pb.TakeNewsResponse, error)
	HurryHook(ctx context.Context, in *pb.HurryHookRequest) (*pb.HurryHookResponse, error)
	HookStats(ctx context.Context, in *pb.HookStatsRequest) (*pb.HookStatsResponse, error)
}

// Messages reads a conversation.
type Messages interface {
	History(ctx context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error)
}

// Observer is told what happens. Safe for concurrent use.
type Observer interface {
	// Posted reports that a request with so many messages ended: Taken, Refused, Unreachable, TimedOut or
	// Stopped.
	Posted(hook, outcome string, took time.Duration, messages int)
	// Behind reports what a hook's receiver has not taken; waiting is for how long the conversation that waits
	// longest has waited, 0 when none waits.
	Behind(hook string, conversations, messages int64, waiting time.Duration)
	// State reports that a hook's receiver began or ceased to count as down.
	State(hook string, down bool, why error)
	// Failed reports a failure that is not the receiver's; what failed is tried again. hook is "" for work of
	// all hooks.
	Failed(hook, what string, err error)
	// Gone reports that the configuration has no such hook any more.
	Gone(hook string)
}

// Deps are what the feed works with.
type Deps struct {
	News     News
	Cursors  Cursors
	Messages Messages
	Observer Observer
	// ContentMax is the largest content that a message may have, in bytes.
	ContentMax int
}

// callTimeout bounds a call to the repository.
const callTimeout = 5 * time.Second

// Feed is the webhooks of one process.
type Feed struct {
	cfg   Config
	deps  Deps
	hooks map[string]*hook
}

// New returns a feed.
func New(cfg Config, deps Deps) (*Feed, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.News == nil || deps.Cursors == nil || deps.Messages == nil || deps.Observer == nil || deps.ContentMax < 1 {
		return nil, errors.New("configure webhooks: news, cursors, messages, observer or the content's limit is missing")
	}
	f := &Feed{cfg: cfg, deps: deps, hooks: map[string]*hook{}}
	for _, name := range cfg.Names() {
		f.hooks[name] = newHook(name, cfg, deps)
	}
	return f, nil
}

// Idle reports whether there are no hooks, and so nothing to handle.
func (f *Feed) Idle() bool { return len(f.hooks) == 0 }

// Handle notes in the database, for each hook, up to which number conversations have messages. When it returns
// nil, the events may be acknowledged: the feed reads the messages themselves from the database.
func (f *Feed) Handle(ctx context.Context, events []*pb.Stored) error {
	newest := map[string]uint64{}
	for _, e := range events {
		m := e.GetMessage()
		newest[m.GetConversationId()] = max(newest[m.GetConversationId()], m.GetSeqId())
	}
	in := &pb.RaiseNewsRequest{Hooks: f.cfg.Names(), News: make([]*pb.News, 0, len(newest))}
	for conversation, seq := range newest {
		in.News = append(in.News, &pb.News{ConversationId: conversation, SeqId: seq})
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := f.deps.News.RaiseNews(ctx, in); err != nil {
		return fmt.Errorf("note news of %d conversations: %w", len(newest), err)
	}
	f.wake()
	return nil
}

func (f *Feed) wake() {
	for _, h := range f.hooks {
		h.wakeUp()
	}
}

// Run posts until ctx is done, then gives attempts in flight drainTimeout to end. It returns nil.
func (f *Feed) Run(ctx context.Context) error {
	if f.Idle() || !f.begin(ctx) {
		<-ctx.Done()
		return nil
	}
	var wg sync.WaitGroup
	for _, h := range f.hooks {
		wg.Go(func() { h.run(ctx) })
	}
	wg.Go(func() { f.scan(ctx) })
	wg.Go(func() { f.watch(ctx) })
	wg.Wait()
	return nil
}

// begin makes the hooks known to the database, trying until that succeeds; false when ctx ended first.
func (f *Feed) begin(ctx context.Context) bool {
	in := &pb.BeginHooksRequest{}
	for _, name := range f.cfg.Names() {
		in.Hooks = append(in.Hooks, &pb.HookBegin{Hook: name, FromStart: slices.Contains(f.cfg.FromStart, name)})
	}
	for {
		err := bounded(ctx, func(ctx context.Context) error {
			_, err := f.deps.News.BeginHooks(ctx, in)
			return err
		})
		if err == nil {
			return true
		}
		if ctx.Err() == nil {
			f.deps.Observer.Failed("", "make the hooks known", err)
		}
		if !handlers.Pause(ctx, pollEvery) {
			return false
		}
	}
}

// Down returns why the receiver of a hook counts as down, or nil when it does not.
func (f *Feed) Down(name string) error {
	h, there := f.hooks[name]
	if !there {
		return nil
	}
	if why := h.down.Load(); why != nil {
		return *why
	}
	return nil
}

// bounded makes a call to the repository with a deadline of its own.
func bounded(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return do(ctx)
}
