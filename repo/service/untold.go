package service

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// untoldWithin bounds one call, which a caller waits for.
	untoldWithin = 500 * time.Millisecond
	// untoldPause is how long after a failure the cache is told again.
	untoldPause = 200 * time.Millisecond
	// untoldMost bounds what waits to be told. Beyond it the cache may be wrong until it
	// forgets by itself, within a minute.
	untoldMost = 10_000
	// untoldFor is how long it is tried: what the cache held before is forgotten by then.
	untoldFor = 2 * time.Minute
)

// untold tells the cache of revocations until it has heard: a cache that was away for a
// moment comes back with what it knew before, and all processes believe it. Safe for
// concurrent use.
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

// tell calls once, and after a failure again in the background. A later call of the same
// name stands for the earlier ones.
func (u *untold) tell(ctx context.Context, name string, call func(context.Context) error) {
	// The database has it: the caller's end is no reason not to say it.
	one := untoldCall{call, time.Now()}
	err := one.try(context.WithoutCancel(ctx))
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil {
		delete(u.waiting, name)
		return
	}
	u.log.Warn("cache: a revocation was not heard", zap.Error(err))
	if u.closed || len(u.waiting) >= untoldMost {
		return
	}
	u.waiting[name] = one
	if !u.running {
		u.running = true
		u.wg.Go(u.run)
	}
}

// run tells what waits until nothing does.
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

// again tells everything once, up to the first failure, and reports whether nothing is left.
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
