package load

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// run is the state that all sockets of a load share, from the first to the last message.
type run struct {
	cfg       Config
	senders   map[string]*pair // by user id
	measuring atomic.Bool
	stopping  atomic.Bool
	// most is the number of stored messages after which nobody sends any more; 0: no limit.
	most      int64
	stored    atomic.Int64
	delivered atomic.Int64
	errors    atomic.Int64
	storedIn  *histogram
	reachedIn *histogram
	// totals returns the numbers of stored messages and of deliveries so far.
	totals func() (stored, delivered int64)
}

func newRun(cfg Config) *run {
	r := &run{cfg: cfg, storedIn: newHistogram(), reachedIn: newHistogram()}
	r.totals = func() (int64, int64) { return r.stored.Load(), r.delivered.Load() }
	return r
}

// counters returns the counters that are watched during a run.
func (r *run) counters() []counter {
	return []counter{
		{"stored", func() int64 { stored, _ := r.totals(); return stored }},
		{"delivered", func() int64 { _, delivered := r.totals(); return delivered }},
	}
}

// measure warms up and fills in the report of one run. It is called once for each run.
func (r *run) measure(ctx context.Context, t *test, to *Report) error {
	if err := t.warmUp(ctx); err != nil {
		return err
	}
	before, err := t.costs.read(ctx)
	if err != nil {
		return err
	}
	r.begin()
	start := time.Now()
	storedBefore, deliveredBefore := r.totals()
	if to.Timeline, err = t.told.watch(ctx, watched{d: r.cfg.Duration}, r.counters()); err != nil {
		return err
	}
	stored, delivered := r.totals()
	seconds := time.Since(start).Seconds()
	r.measuring.Store(false)
	after, err := t.costs.read(ctx)
	if err != nil {
		return err
	}
	to.InFlight, to.Rate, to.ContentBytes, to.Seconds = r.cfg.InFlight, r.cfg.Rate, r.cfg.Content, seconds
	to.Stored, to.Delivered = stored-storedBefore, delivered-deliveredBefore
	to.StoredPerSecond, to.DeliveredSecond = float64(to.Stored)/seconds, float64(to.Delivered)/seconds
	to.StoredLatency, to.DeliveredLatency = r.storedIn.latency(), r.reachedIn.latency()
	to.Errors = r.errors.Load()
	t.costs.put(to, before, after, "message", to.Stored)
	return nil
}

// begin removes the latencies of the run before, and records new ones from now on.
func (r *run) begin() {
	r.storedIn.reset()
	r.reachedIn.reset()
	r.measuring.Store(true)
}

// settle waits, for 5 s at most, until no more messages are stored or delivered.
func (r *run) settle() {
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		stored, delivered := r.totals()
		time.Sleep(300 * time.Millisecond)
		if s, d := r.totals(); s == stored && d == delivered {
			return
		}
	}
}

// end stops new sends, waits for messages in flight, closes the sockets and waits for their loops. It returns err, or
// the error of a loop when err is nil.
func (r *run) end(err error, loops *errgroup.Group, closeAll func()) error {
	r.stopping.Store(true)
	r.settle()
	closeAll()
	if loopErr := loops.Wait(); err == nil {
		err = loopErr
	}
	return err
}

// ended returns the error of a socket that ended, or nil while the run stops, which closes the sockets.
func (r *run) ended(err error) error {
	if r.stopping.Load() {
		return nil
	}
	r.errors.Add(1)
	return fmt.Errorf("a socket ended: %w", err)
}
