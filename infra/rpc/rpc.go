// Package rpc makes gRPC connections. A service that is active in this process
// is called in-process, over the same client interface as a remote one.
package rpc

import (
	"context"
	"errors"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Local is a gRPC server and the connection to it in one, within this process:
// messages are cloned, not encoded. Register services before the first call.
type Local struct {
	*inprocgrpc.Channel
	services map[string]bool
}

// NewLocal returns an empty in-process channel. Its servers' errors reach the
// client as gRPC statuses, as over a wire.
func NewLocal() *Local {
	return &Local{
		Channel:  (&inprocgrpc.Channel{}).WithServerUnaryInterceptor(statusErrors),
		services: map[string]bool{},
	}
}

// RegisterService adds a service; only before the first call.
func (l *Local) RegisterService(desc *grpc.ServiceDesc, impl any) {
	l.Channel.RegisterService(desc, impl)
	l.services[desc.ServiceName] = true
}

func (l *Local) has(service string) bool { return l.services[service] }

// statusErrors makes sure that every error crosses the border as a status; an
// error that brings its own (GRPCStatus) keeps code, message and details.
func statusErrors(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	if err == nil {
		return resp, nil
	}
	var own interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &own):
		return nil, own.GRPCStatus().Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, status.Error(codes.DeadlineExceeded, err.Error())
	case errors.Is(err, context.Canceled):
		return nil, status.Error(codes.Canceled, err.Error())
	}
	return nil, status.Error(codes.Unknown, err.Error())
}

// WithTimeout returns a connection whose calls end after d unless their context
// ends earlier, so that no call is without a deadline. Streams keep their context.
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
