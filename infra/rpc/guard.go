package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errGuarded is the answer of a Guard that does not ask.
var errGuarded = status.Error(codes.Unavailable, "the service did not answer a moment ago")

// GuardConfig says how long a Guard waits.
type GuardConfig struct {
	// Timeout bounds each call.
	Timeout time.Duration
	// Pause is how long a service is left alone after it did not answer.
	Pause time.Duration
	// Probe finds out whether it answers again.
	Probe func(ctx context.Context, conn grpc.ClientConnInterface) error
}

// Guard is a connection to a service that its callers can do without. It keeps one
// that is away from slowing them down: after a call without an answer each call is
// codes.Unavailable at once, until a probe that nobody waits for was answered. Safe for
// concurrent use.
type Guard struct {
	conn grpc.ClientConnInterface
	cfg  GuardConfig
	// timeout is that of the configuration until another one is set.
	timeout atomic.Int64
	// until is when the service may be probed, in Unix nanoseconds; 0: it is well.
	until atomic.Int64

	mu      sync.Mutex
	probing bool
	stop    context.CancelFunc
	ctx     context.Context //nolint:containedctx // of the probes, which are nobody's call
	running sync.WaitGroup
}

var _ grpc.ClientConnInterface = (*Guard)(nil)

// NewGuard returns a guard of a connection. Close ends it; the connection stays open.
func NewGuard(conn grpc.ClientConnInterface, cfg GuardConfig) (*Guard, error) {
	if cfg.Timeout <= 0 || cfg.Pause <= 0 || cfg.Probe == nil {
		return nil, errors.New("guard a connection: it needs a timeout, a pause and a probe")
	}
	g := &Guard{conn: conn, cfg: cfg}
	g.SetTimeout(cfg.Timeout)
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g, nil
}

// SetTimeout bounds each call from now on by another positive time.
func (g *Guard) SetTimeout(d time.Duration) { g.timeout.Store(int64(d)) }

// Invoke implements grpc.ClientConnInterface.
func (g *Guard) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if until := g.until.Load(); until != 0 {
		if time.Now().UnixNano() >= until {
			g.look()
		}
		return errGuarded
	}
	bounded, cancel := context.WithTimeout(ctx, time.Duration(g.timeout.Load()))
	defer cancel()
	err := g.conn.Invoke(bounded, method, args, reply, opts...)
	if err != nil && ctx.Err() == nil && !isAnswer(err) {
		g.leaveAlone()
	}
	return err
}

// isAnswer tells a refusal from silence.
func isAnswer(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unimplemented, codes.Unknown, codes.Internal:
		return false
	}
	return true
}

func (g *Guard) leaveAlone() { g.until.Store(time.Now().Add(g.cfg.Pause).UnixNano()) }

// look probes the service, one at a time and without making the caller wait.
func (g *Guard) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.probing || g.ctx.Err() != nil {
		return
	}
	g.probing = true
	g.running.Go(func() {
		ctx, cancel := context.WithTimeout(g.ctx, time.Duration(g.timeout.Load()))
		defer cancel()
		if err := g.cfg.Probe(ctx, g.conn); err == nil || isAnswer(err) {
			g.until.Store(0)
		} else {
			g.leaveAlone()
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.probing = false
	})
}

// NewStream implements grpc.ClientConnInterface; there are no streams to guard.
func (g *Guard) NewStream(_ context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, fmt.Errorf("%s through a guard: %w", method, errors.ErrUnsupported)
}

// Close ends a probe that runs, and lets no other begin.
func (g *Guard) Close() error {
	g.mu.Lock()
	g.stop()
	g.mu.Unlock()
	g.running.Wait()
	return nil
}
