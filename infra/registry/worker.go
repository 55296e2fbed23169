package registry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/steady"
)

var (
	// ErrNoWorkerID is returned while this process has no worker id that is certainly
	// its own.
	ErrNoWorkerID = errors.New("this process holds no worker id")
	// ErrWorkerIDsTaken is returned when every worker id is held, or in quarantine.
	ErrWorkerIDsTaken = errors.New("every worker id is taken, or in quarantine after its last holder")
)

// WorkerID is a number that no other process has at the same time. Should it be
// lost, another one is claimed. It is safe for concurrent use.
type WorkerID struct {
	r      *Registry
	max    int64
	owner  string
	holder string // tells this claim from all others, ever

	claim  atomic.Pointer[claim] // nil: none
	nudge  chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

// claim is a worker id and the time in which ids may be made with it. A claim is replaced, never changed.
type claim struct {
	id    int64
	lease *lease
	// deadline is on the monotonic clock: etcd keeps the lease until then.
	deadline time.Time
	// from and until are in ms on the steady clock, from which ids are made. etcd knows that this holder
	// makes ids between them only, and the next holder makes none before until. So no two ids can be the
	// same, whatever the clocks say.
	from, until int64
}

// ClaimWorkerID claims a number of 0 to max, for owner (a name for people), and
// keeps it until Close. The number stays valid for minutes while etcd is away.
func (r *Registry) ClaimWorkerID(ctx context.Context, max int64, owner string) (*WorkerID, error) {
	w := &WorkerID{
		r: r, max: max, owner: owner, holder: uuid.NewString(),
		nudge: make(chan struct{}, 1), done: make(chan struct{}),
	}
	ctx, stop := r.within(ctx)
	defer stop()
	var c *claim
	err := r.insist(ctx, func() (err error) {
		c, err = w.acquire(ctx, -1)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim a worker id of 0 to %d at etcd (see registry.endpoints): %w", max, err)
	}
	w.claim.Store(c)
	var run context.Context
	run, w.cancel = context.WithCancel(r.ctx)
	if !r.own(func() { defer close(w.done); w.run(run) }) {
		w.cancel()
		w.give()
		return nil, ErrClosed
	}
	return w, nil
}

// Current returns the worker id, or ErrNoWorkerID when no worker id is certainly this process's own at this
// moment. Whoever makes an id must read the clock first and call Current then. It costs some tens of
// nanoseconds.
func (w *WorkerID) Current() (int64, error) {
	c := w.claim.Load()
	if c == nil {
		return 0, fmt.Errorf("%w (see registry.endpoints)", ErrNoWorkerID)
	}
	now := steady.Now()
	if ms := now.UnixMilli(); now.Before(c.deadline) && c.from < ms && ms < c.until {
		return c.id, nil
	}
	select {
	case w.nudge <- struct{}{}:
	default: // run will try already
	}
	return 0, fmt.Errorf("%w: etcd has not confirmed number %d for too long, or the clock was set (see registry.endpoints)", ErrNoWorkerID, c.id)
}

// Valid reports whether Current would return a number.
func (w *WorkerID) Valid() bool {
	_, err := w.Current()
	return err == nil
}

// Deadline is when the number ends unless etcd confirms it again before; zero
// when there is none.
func (w *WorkerID) Deadline() time.Time {
	if c := w.claim.Load(); c != nil {
		return c.deadline
	}
	return time.Time{}
}

// Close ends the use of the number and gives it back.
func (w *WorkerID) Close() error {
	w.cancel()
	<-w.done
	return nil
}

// run keeps the number confirmed until ctx ends.
func (w *WorkerID) run(ctx context.Context) {
	defer w.give()
	for wait := w.r.workerRenew; ; {
		w.r.pause(ctx, wait, w.nudge)
		if ctx.Err() != nil {
			return
		}
		err := w.step(ctx)
		w.r.note("confirming the worker id", err)
		if wait = w.r.workerRenew; err != nil {
			wait = min(wait, w.r.retry)
			drain(w.nudge) // calls that fail meanwhile make no more haste
			w.r.pause(ctx, w.r.retry/4, nil)
		}
	}
}

func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// step confirms the number, or claims the same or another one.
func (w *WorkerID) step(ctx context.Context) error {
	old := w.claim.Load()
	want := int64(-1)
	if old != nil {
		next, err := w.confirm(ctx, old)
		if err == nil {
			w.claim.Store(next)
			return nil
		}
		if !errors.Is(err, errLeaseGone) {
			return err // the claim ends by itself when its time comes
		}
		want = old.id
		w.claim.Store(nil)
		old.lease.revoke()
	}
	c, err := w.acquire(ctx, want)
	if err != nil {
		return err
	}
	w.r.log.Warn("the worker id was lost and is claimed anew", zap.Int64("before", want), zap.Int64("now", c.id))
	w.claim.Store(c)
	return nil
}

// window returns until, as in claim, for a claim or confirmation that is made now.
func (w *WorkerID) window() (until int64) { return steady.Now().Add(w.r.workerTTL).UnixMilli() }
