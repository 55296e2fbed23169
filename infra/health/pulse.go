package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNoPulse is wrapped by Alive's error when the process stands still.
var ErrNoPulse = errors.New("the process does not get on")

// Pulse says whether a process gets on: whether its goroutines run, and whether the locks that much of it
// needs can be taken. It asks no dependency: a process whose database is away is alive, and ending it would
// gain nothing.
type Pulse struct {
	every, limit time.Duration
	last         atomic.Int64 // in nanoseconds since start, of the clock that never goes back
	start        time.Time

	mu    sync.Mutex
	locks []func()
}

// NewPulse returns a pulse that Run beats once in every. After limit without a beat the process counts as
// standing still.
func NewPulse(every, limit time.Duration) *Pulse {
	return &Pulse{every: every, limit: limit, start: time.Now()}
}

// Touches makes each beat call touch, which takes and releases a lock that much depends on. Safe for
// concurrent use.
func (p *Pulse) Touches(touch func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.locks = append(p.locks, touch)
}

func (p *Pulse) touched() []func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.locks)
}

// Run beats until ctx is done. It returns nil.
func (p *Pulse) Run(ctx context.Context) error {
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for {
		for _, lock := range p.touched() {
			lock()
		}
		p.last.Store(int64(time.Since(p.start)))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Alive returns an error that wraps ErrNoPulse when the last beat is too long ago. It answers at
// once. Safe for concurrent use.
func (p *Pulse) Alive() error {
	silent := time.Since(p.start) - time.Duration(p.last.Load())
	if silent > p.limit {
		return fmt.Errorf("%w: nothing has moved for %v", ErrNoPulse, silent.Round(time.Second))
	}
	return nil
}
