package service

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// untoldWithin bounds one call to the cache; a request waits for the first one.
	untoldWithin = 500 * time.Millisecond
	// untoldPause is the pause before each repetition.
	untoldPause = 200 * time.Millisecond
	// untoldMost bounds the revocations that wait. One beyond it is not repeated: the cache's
	// entry stays wrong until it expires, for a minute at most.
	untoldMost = 10_000
	// untoldFor is how long a revocation is repeated; by then the cache's old entry has expired.
	untoldFor = 2 * time.Minute
)

// untold repeats revocations to the cache until it has taken them: a cache that was away for a
// moment comes back with its old entries, which all processes would believe. Safe for concurrent
// use.
type untold struct {
	log *zap.Logger
	ctx context.Context //nolint:containedctx // of the goroutine below
	end context.CancelFunc

	mu      sync.Mutex
	waiting map[string]untoldCall
	running bool
	closed  bool
	wg      sync.WaitGroup
}

type untoldCall struct {
	tell  func(context.Context) error
	since time.Time
}

func (c untoldCall) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, untoldWithin)
	defer cancel()
	return c.tell(ctx)
}

func newUntold(log *zap.Logger) *untold {
	u := &untold{log: log, waiting: map[string]untoldCall{}}
	u.ctx, u.end = context.WithCancel(context.Background())
	return u
}

// tell makes call at once and, when that fails, again in the background. A later call with the same
// name replaces the one that waits.
func (u *untold) tell(ctx context.Context, name string, call func(context.Context) error) {
	// The database has the revocation: the cache has to be told even when the caller's context ends.
	one := untoldCall{call, time.Now()}
	err := one.try(context.WithoutCancel(ctx))
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil {
		delete(u.waiting, name)
		return
	}
	u.log.Warn("the cache could not be told of a revocation; it is repeated", zap.Error(err))
	if u.closed || len(u.waiting) >= untoldMost {
		return
	}
	u.waiting[name] = one
	if !u.running {
		u.running = true
		u.wg.Go(u.run)
	}
}

// run repeats the waiting calls until none is left or untold is closed.
func (u *untold) run() {
	ticker := time.NewTicker(untoldPause)
	defer ticker.Stop()
	for {
		select {
		case <-u.ctx.Done():
			return
		case <-ticker.C:
		}
		if u.again() {
			return
		}
	}
}

// again makes each waiting call once, up to the first failure, and reports whether none is left.
func (u *untold) again() bool {
	u.mu.Lock()
	list := maps.Clone(u.waiting)
	u.mu.Unlock()
	for name, one := range list {
		err := one.try(u.ctx)
		late := time.Since(one.since) > untoldFor
		if err != nil && !late {
			break
		}
		u.mu.Lock()
		if u.waiting[name].since.Equal(one.since) { // no later one has come
			delete(u.waiting, name)
		}
		u.mu.Unlock()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.running = len(u.waiting) > 0
	return !u.running
}

func (u *untold) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.end()
	u.wg.Wait()
}
