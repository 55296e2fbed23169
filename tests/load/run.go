package load

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"
)

// histogram of microseconds up to a minute.
type histogram struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

func newHistogram() *histogram { return &histogram{h: hdrhistogram.New(1, 60_000_000, 3)} }

func (h *histogram) record(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.h.RecordValue(min(max(d.Microseconds(), 1), 60_000_000)) // within its range
}

func (h *histogram) latency() Latency {
	h.mu.Lock()
	defer h.mu.Unlock()
	ms := func(q float64) float64 { return float64(h.h.ValueAtQuantile(q)) / 1000 }
	return Latency{P50: ms(50), P90: ms(90), P99: ms(99), Max: float64(h.h.Max()) / 1000}
}

// run is what all sockets of a run share.
type run struct {
	cfg       Config
	senders   map[string]*pair // by user id
	measuring atomic.Bool
	stopping  atomic.Bool
	stored    atomic.Int64
	delivered atomic.Int64
	errors    atomic.Int64
	storedIn  *histogram
	reachedIn *histogram
	// totals are how many messages were stored and how many deliveries arrived so far.
	totals func() (stored, delivered int64)
}

func newRun(cfg Config) *run {
	r := &run{cfg: cfg, storedIn: newHistogram(), reachedIn: newHistogram()}
	r.totals = func() (int64, int64) { return r.stored.Load(), r.delivered.Load() }
	return r
}

// settle waits until what is in flight has arrived, for a few seconds at most.
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

// end lets what is in flight arrive, closes the sockets, which ends the loops that read from them, and
// returns the run's error or else the loops'.
func (r *run) end(err error, loops *errgroup.Group, closeAll func()) error {
	r.stopping.Store(true)
	r.settle()
	closeAll()
	if loopErr := loops.Wait(); err == nil {
		err = loopErr
	}
	return err
}

// ended: a socket that ends while the run stops was closed by us.
func (r *run) ended(err error) error {
	if r.stopping.Load() {
		return nil
	}
	r.errors.Add(1)
	return fmt.Errorf("a socket ended: %w", err)
}
