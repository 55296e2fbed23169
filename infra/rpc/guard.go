package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/infra/breaker"
)

// errGuarded is the answer of a Guard whose breaker is open.
var errGuarded = status.Error(codes.Unavailable, breaker.ErrOpen.Error())

// GuardConfig says how long a Guard waits.
type GuardConfig struct {
	// Timeout bounds each call.
	Timeout time.Duration
	// Pause is how long a service is left alone after it did not answer.
	Pause time.Duration
	// Probe asks the service whether it answers again.
	Probe func(ctx context.Context, conn grpc.ClientConnInterface) error
}

// Guard is a connection, behind a breaker, to a service that its callers can do without: after a call without
// an answer, each call is codes.Unavailable at once, until a probe in the background was answered. Safe for
// concurrent use.
type Guard struct {
	conn    grpc.ClientConnInterface
	breaker *breaker.Breaker
}

var _ grpc.ClientConnInterface = (*Guard)(nil)

// NewGuard returns a guard of a connection. Close ends it; the connection stays open.
func NewGuard(conn grpc.ClientConnInterface, cfg GuardConfig) (*Guard, error) {
	if cfg.Timeout <= 0 || cfg.Pause <= 0 || cfg.Probe == nil {
		return nil, errors.New("guard a connection: it needs a timeout, a pause and a probe")
	}
	return &Guard{conn: conn, breaker: breaker.New(breaker.Config{
		Timeout: cfg.Timeout, Pause: cfg.Pause, Answered: isAnswer,
		Probe: func(ctx context.Context) error { return cfg.Probe(ctx, conn) },
	})}, nil
}

// SetTimeout bounds each call from now on by another positive time.
func (g *Guard) SetTimeout(d time.Duration) { g.breaker.SetTimeout(d) }

// Invoke implements grpc.ClientConnInterface.
func (g *Guard) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := g.breaker.Do(ctx, func(ctx context.Context) error { return g.conn.Invoke(ctx, method, args, reply, opts...) })
	if errors.Is(err, breaker.ErrOpen) {
		return errGuarded
	}
	return err
}

// isAnswer reports whether an error shows that the service answers: it refused the call.
func isAnswer(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unimplemented, codes.Unknown, codes.Internal:
		return false
	}
	return true
}

// NewStream implements grpc.ClientConnInterface; there are no streams to guard.
func (g *Guard) NewStream(_ context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, fmt.Errorf("%s through a guard: %w", method, errors.ErrUnsupported)
}

// Close ends a probe that runs, and lets no other begin.
func (g *Guard) Close() error {
	g.breaker.Close()
	return nil
}
