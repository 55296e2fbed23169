package rpc

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Route returns a connection that makes each call in this process when the call's service is registered with
// local, and else over the connection in remotes, whose keys are full names of services
// ("gochat.v1.MessageRepo"). A call to a service in neither is codes.Unimplemented. Register everything
// before the first call.
func Route(local *Local, remotes map[string]grpc.ClientConnInterface) grpc.ClientConnInterface {
	return &routed{local, remotes}
}

type routed struct {
	local   *Local
	remotes map[string]grpc.ClientConnInterface
}

func (r *routed) conn(method string) (grpc.ClientConnInterface, error) {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if r.local.has(service) {
		return r.local, nil
	}
	if c, ok := r.remotes[service]; ok {
		return c, nil
	}
	return nil, status.Errorf(codes.Unimplemented, "service %s is neither in this process nor at a known address", service)
}

// Invoke implements grpc.ClientConnInterface.
func (r *routed) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	c, err := r.conn(method)
	if err != nil {
		return err
	}
	return c.Invoke(ctx, method, args, reply, opts...)
}

// NewStream implements grpc.ClientConnInterface.
func (r *routed) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	c, err := r.conn(method)
	if err != nil {
		return nil, err
	}
	return c.NewStream(ctx, desc, method, opts...)
}
