// Package rpc makes gRPC connections. A service that is active in this process
// is called in-process, over the same client interface as a remote one.
package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// WithTimeout returns a connection whose calls end after d unless their context
// has a deadline of its own, so that no call is without one. Streams keep their
// context.
func WithTimeout(conn grpc.ClientConnInterface, d time.Duration) grpc.ClientConnInterface {
	return timed{conn, d}
}

type timed struct {
	grpc.ClientConnInterface
	timeout time.Duration
}

func (t timed) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if _, has := ctx.Deadline(); has {
		return t.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return t.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}
