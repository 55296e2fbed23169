package rpc

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// echo is a service of one method, whose work is a function.
type echo func(ctx context.Context, in string) (string, error)

const (
	echoService = "test.Echo"
	echoMethod  = "/test.Echo/Call"
)

var echoDesc = grpc.ServiceDesc{
	ServiceName: echoService,
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Call",
		Handler: func(srv any, ctx context.Context, dec func(any) error, mid grpc.UnaryServerInterceptor) (any, error) {
			in := &wrapperspb.StringValue{}
			if err := dec(in); err != nil {
				return nil, err
			}
			work := func(ctx context.Context, req any) (any, error) {
				out, err := srv.(echo)(ctx, req.(*wrapperspb.StringValue).Value)
				return wrapperspb.String(out), err
			}
			if mid == nil {
				return work(ctx, in)
			}
			return mid(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: echoMethod}, work)
		},
	}},
}

func call(ctx context.Context, conn grpc.ClientConnInterface, in string) (string, error) {
	out := &wrapperspb.StringValue{}
	err := conn.Invoke(ctx, echoMethod, wrapperspb.String(in), out)
	return out.Value, err
}

// running is a server that a test has started.
type running struct {
	*Server
	addr string
	stop func() error
}

func startServer(t testing.TB, cfg Config, service echo, opts ...Option) *running {
	t.Helper()
	s, err := NewServer(cfg, zap.NewNop(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	s.RegisterService(&echoDesc, service)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	r := &running{Server: s, addr: ln.Addr().String(), stop: sync.OnceValue(func() error { cancel(); return <-done })}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

func dial(t testing.TB, target string, cfg Config, opts ...Option) *Conn {
	t.Helper()
	c, err := Dial(target, cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestCallOverASocket(t *testing.T) {
	s := startServer(t, DefaultConfig(), func(_ context.Context, in string) (string, error) { return in + "!", nil })
	c := dial(t, s.addr, DefaultConfig())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := call(ctx, c, "hello"); err != nil || got != "hello!" {
		t.Fatalf("got %q, %v", got, err)
	}
}
