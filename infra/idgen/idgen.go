// Package idgen makes Snowflake ids: positive 63-bit numbers that grow with
// time and are unique among workers with different worker ids.
package idgen

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gochat/gochat/infra/steady"
)

var (
	// ErrExhausted is returned when the epoch's time bits are used up.
	ErrExhausted = errors.New("snowflake time bits are exhausted")
	// ErrNoWorker is returned while Config.Lease gives no worker id.
	ErrNoWorker = errors.New("there is no worker id to make ids with")
)

// Config is the layout of an id: 1 unused bit, time, worker, sequence. All
// generators of one system must agree on Epoch and widths.
type Config struct {
	// Epoch is the time at which ids start; default 2026-01-01 UTC.
	Epoch time.Time
	// WorkerBits and SequenceBits; defaults 10 and 12. The rest of 63 is milliseconds.
	WorkerBits   uint8
	SequenceBits uint8
	// Worker is this generator's worker id, where there is no Lease.
	Worker int64
	// Lease, when set, is called for each id: it returns the worker id that this generator holds at this
	// moment, or why it holds none. It is called after the id's time was read, by one goroutine at a time,
	// and must be fast.
	Lease func() (worker int64, err error)
	// Now is a clock that does not go back; default steady.Now.
	Now func() time.Time
}

func (c *Config) setDefaults() {
	if c.Epoch.IsZero() {
		c.Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if c.WorkerBits == 0 {
		c.WorkerBits = 10
	}
	if c.SequenceBits == 0 {
		c.SequenceBits = 12
	}
	if c.Now == nil {
		c.Now = steady.Now
	}
}

func (c *Config) validate() error {
	if c.WorkerBits+c.SequenceBits > 30 {
		return fmt.Errorf("worker bits %d + sequence bits %d: at most 30 together", c.WorkerBits, c.SequenceBits)
	}
	if c.Worker < 0 || c.Worker >= 1<<c.WorkerBits {
		return fmt.Errorf("worker id %d: must be 0 to %d", c.Worker, 1<<c.WorkerBits-1)
	}
	return nil
}

// Generator makes ids. Setting the wall clock while it runs neither stops it nor makes it repeat an id. Safe
// for concurrent use.
type Generator struct {
	cfg   Config
	mu    sync.Mutex
	ahead int64 // milliseconds that ids are ahead of the clock, see After
	last  int64 // milliseconds since the epoch of the newest id
	seq   int64
	held  int64 // the worker id of the newest id
	stats Stats
}

// Stats counts ids that were made, waits for the next millisecond because one's sequence numbers were used
// up, and calls that failed.
type Stats struct{ Made, Waits, Failures uint64 }

// Stats returns the counts so far.
func (g *Generator) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stats
}

// New returns a generator, or an error that names the setting which is wrong.
func New(cfg Config) (*Generator, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("snowflake: %w", err)
	}
	return &Generator{cfg: cfg, last: -1, held: -1}, nil
}

// After makes all further ids greater than id, which an earlier process made, and returns by how much the
// clock is behind that id; 0 when it is not. It is for generators without a Lease; with one, processes with
// the same worker id never use the same times.
func (g *Generator) After(id int64) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	behind := id>>(g.cfg.WorkerBits+g.cfg.SequenceBits) + 1 - g.now()
	if behind <= 0 {
		return 0
	}
	g.ahead += behind
	return time.Duration(behind) * time.Millisecond
}

// Next returns the next id. When a millisecond's sequence numbers are used up, it waits for the next
// millisecond. While Lease gives no worker id, the error wraps ErrNoWorker and the lease's own error.
func (g *Generator) Next() (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id, err := g.next()
	if err != nil {
		g.stats.Failures++
	} else {
		g.stats.Made++
	}
	return id, err
}

func (g *Generator) next() (int64, error) {
	for {
		now, err := g.tick()
		if err != nil {
			return 0, err
		}
		worker, err := g.worker()
		if err != nil {
			return 0, err
		}
		if worker != g.held {
			// This id's time was read before the generator held the worker id; so take another time.
			g.held = worker
			continue
		}
		return now<<(g.cfg.WorkerBits+g.cfg.SequenceBits) | worker<<g.cfg.SequenceBits | g.seq, nil
	}
}

// tick takes the next time, which it returns, and the next sequence number.
func (g *Generator) tick() (int64, error) {
	now := g.now()
	behind := now < g.last
	if now <= g.last {
		now = g.last
		g.seq = (g.seq + 1) & (1<<g.cfg.SequenceBits - 1)
		if g.seq == 0 && behind {
			now++ // the clock is behind: to wait could take long
		} else if g.seq == 0 {
			g.stats.Waits++
			now = g.waitUntil(g.last + 1)
		}
	} else {
		g.seq = 0
	}
	g.last = now
	if now < 0 || now>>(63-g.cfg.WorkerBits-g.cfg.SequenceBits) != 0 {
		return 0, ErrExhausted
	}
	return now, nil
}

func (g *Generator) worker() (int64, error) {
	if g.cfg.Lease == nil {
		return g.cfg.Worker, nil
	}
	worker, err := g.cfg.Lease()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoWorker, err)
	}
	if worker < 0 || worker >= 1<<g.cfg.WorkerBits {
		return 0, fmt.Errorf("%w: %d is not 0 to %d", ErrNoWorker, worker, 1<<g.cfg.WorkerBits-1)
	}
	return worker, nil
}

func (g *Generator) now() int64 { return g.cfg.Now().Sub(g.cfg.Epoch).Milliseconds() + g.ahead }

func (g *Generator) waitUntil(ms int64) int64 {
	for {
		now := g.now()
		if now >= ms {
			return now
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// Time returns when an id of this layout was made.
func (g *Generator) Time(id int64) time.Time {
	return g.cfg.Epoch.Add(time.Duration(id>>(g.cfg.WorkerBits+g.cfg.SequenceBits)) * time.Millisecond)
}
