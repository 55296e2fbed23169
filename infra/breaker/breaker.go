// Package breaker protects callers from a service that they can do without: while the service does not
// answer, they do not wait for it.
package breaker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrOpen says that the service was not called, because it did not answer a moment ago.
var ErrOpen = errors.New("the service did not answer a moment ago")

// Config says how long a breaker waits, and for what.
type Config struct {
	// Timeout bounds each call and each probe.
	Timeout time.Duration
	// Pause is how long the service is left alone after it did not answer.
	Pause time.Duration
	// Probe asks the service something small, to find out whether it answers again.
	Probe func(ctx context.Context) error
	// Answered reports whether an error is an answer of the service, such as a refusal. Only a call without
	// an answer opens the breaker.
	Answered func(error) bool
}

// Breaker lets calls through until one gets no answer. From then on every call is ErrOpen at once, until a
// probe is answered. The first call after each pause starts a probe in the background. Safe for concurrent
// use.
type Breaker struct {
	cfg Config
	// timeout is the configured one until SetTimeout.
	timeout atomic.Int64
	// until is when the service may be probed, in Unix nanoseconds; 0: it answers.
	until atomic.Int64

	mu      sync.Mutex
	probing bool
	ctx     context.Context //nolint:containedctx // of the probes, which are nobody's call
	stop    context.CancelFunc
	running sync.WaitGroup
}

// New returns a breaker that lets calls through. All of the configuration is needed; Close ends the breaker.
func New(cfg Config) *Breaker {
	b := &Breaker{cfg: cfg}
	b.SetTimeout(cfg.Timeout)
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// SetTimeout bounds each call from now on by another positive time.
func (b *Breaker) SetTimeout(d time.Duration) { b.timeout.Store(int64(d)) }

// Do makes a call within the timeout and returns its error, or ErrOpen without a call. A call whose own ctx
// has ended says nothing of the service.
func (b *Breaker) Do(ctx context.Context, call func(context.Context) error) error {
	if until := b.until.Load(); until != 0 {
		if time.Now().UnixNano() >= until {
			b.look()
		}
		return ErrOpen
	}
	err := b.bounded(ctx, call)
	if err != nil && ctx.Err() == nil && !b.cfg.Answered(err) {
		b.open()
	}
	return err
}

func (b *Breaker) bounded(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(b.timeout.Load()))
	defer cancel()
	return call(ctx)
}

func (b *Breaker) open() { b.until.Store(time.Now().Add(b.cfg.Pause).UnixNano()) }

// look probes the service, one at a time and without making the caller wait.
func (b *Breaker) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probing || b.ctx.Err() != nil {
		return
	}
	b.probing = true
	b.running.Go(func() {
		if err := b.bounded(b.ctx, b.cfg.Probe); err == nil || b.cfg.Answered(err) {
			b.until.Store(0)
		} else {
			b.open()
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.probing = false
	})
}

// Close ends a probe that runs, and lets no other begin.
func (b *Breaker) Close() {
	b.mu.Lock()
	b.stop()
	b.mu.Unlock()
	b.running.Wait()
}
