package webhook

import (
	"context"
	"sync/atomic"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Live is a feed whose configuration may change. A new feed takes the place of the one before, once that has
// drained. Nothing is lost between the two, since the cursors of the receivers are in the database. Safe for
// concurrent use.
type Live struct {
	deps    Deps
	now     atomic.Pointer[Feed]
	changed chan struct{}
}

// NewLive returns a feed of a configuration.
func NewLive(cfg Config, deps Deps) (*Live, error) {
	l := &Live{deps: deps, changed: make(chan struct{}, 1)}
	first, err := New(cfg, deps)
	if err != nil {
		return nil, err
	}
	l.now.Store(first)
	return l, nil
}

// Configure replaces the configuration; contentMax takes the place of Deps.ContentMax. An error changes
// nothing.
func (l *Live) Configure(cfg Config, contentMax int) error {
	deps := l.deps
	deps.ContentMax = contentMax
	next, err := New(cfg, deps)
	if err != nil {
		return err
	}
	l.now.Store(next)
	select {
	case l.changed <- struct{}{}:
	default: // Run is told already
	}
	return nil
}

// Idle reports whether there are no hooks at present.
func (l *Live) Idle() bool { return l.now.Load().Idle() }

// Handle is Feed.Handle of the present configuration.
func (l *Live) Handle(ctx context.Context, events []*pb.Stored) error {
	return l.now.Load().Handle(ctx, events)
}

// Down returns, by hook, why its receiver counts as down; nil when it does not.
func (l *Live) Down() map[string]error {
	feed := l.now.Load()
	out := make(map[string]error, len(feed.hooks))
	for name := range feed.hooks {
		out[name] = feed.Down(name)
	}
	return out
}

// Run posts until ctx is done.
func (l *Live) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		feed := l.now.Load()
		if err := l.runOne(ctx, feed); err != nil {
			return err
		}
		next := l.now.Load()
		for name := range feed.hooks {
			if _, stays := next.hooks[name]; !stays {
				l.deps.Observer.Gone(name)
			}
		}
	}
	return nil
}

// runOne runs a feed until ctx is done or another one is to run.
func (l *Live) runOne(ctx context.Context, feed *Feed) error {
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-l.changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(); <-watched }()
	return feed.Run(ctx)
}
