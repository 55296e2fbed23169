package service

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// revocationWithin bounds one call to the cache; a request waits for the first one.
	revocationWithin = 500 * time.Millisecond
	// revocationPause is the pause before each repetition.
	revocationPause = 200 * time.Millisecond
	// revocationsMost bounds the revocations that wait. One beyond it is not repeated: the cache's
	// entry stays wrong until it expires, for a minute at most.
	revocationsMost = 10_000
	// revocationFor is how long a revocation is repeated; by then the cache's old entry has expired.
	revocationFor = 2 * time.Minute
)

// revocationRetries repeats revocations to the cache until it has taken them: a cache that was away for a
// moment comes back with its old entries, which all processes would believe. Safe for concurrent
// use.
type revocationRetries struct {
	log *zap.Logger
	ctx context.Context //nolint:containedctx // of the goroutine below
	end context.CancelFunc

	mu      sync.Mutex
	waiting map[string]revocationCall
	running bool
	closed  bool
	wg      sync.WaitGroup
}

type revocationCall struct {
	tell  func(context.Context) error
	since time.Time
}

func (c revocationCall) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, revocationWithin)
	defer cancel()
	return c.tell(ctx)
}

func newRevocationRetries(log *zap.Logger) *revocationRetries {
	u := &revocationRetries{log: log, waiting: map[string]revocationCall{}}
	u.ctx, u.end = context.WithCancel(context.Background())
	return u
}

// tell makes call at once and, when that fails, again in the background. A later call with the same
// name replaces the one that waits.
func (u *revocationRetries) tell(ctx context.Context, name string, call func(context.Context) error) {
	// The database has the revocation: the cache has to be told even when the caller's context ends.
	one := revocationCall{call, time.Now()}
	err := one.try(context.WithoutCancel(ctx))
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil {
		delete(u.waiting, name)
		return
	}
	u.log.Warn("the cache could not be told of a revocation; it is repeated", zap.Error(err))
	if u.closed || len(u.waiting) >= revocationsMost {
		return
	}
	u.waiting[name] = one
	if !u.running {
		u.running = true
		u.wg.Go(u.run)
	}
}

// run repeats the waiting calls until none is left or it is closed.
func (u *revocationRetries) run() {
	ticker := time.NewTicker(revocationPause)
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
func (u *revocationRetries) again() bool {
	u.mu.Lock()
	list := maps.Clone(u.waiting)
	u.mu.Unlock()
	for name, one := range list {
		err := one.try(u.ctx)
		late := time.Since(one.since) > revocationFor
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

func (u *revocationRetries) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.end()
	u.wg.Wait()
}
