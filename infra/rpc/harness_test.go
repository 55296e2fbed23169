package rpc

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a service with one method, whose work is a function of the test.
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
	// stop drains, once, and returns what Serve returned.
	stop func() error
}

func startServer(t testing.TB, cfg Config, service echo, opts ...Option) *running {
	t.Helper()
	return startServerAt(t, "127.0.0.1:0", cfg, zap.NewNop(), service, opts...)
}

func startServerAt(t testing.TB, addr string, cfg Config, log *zap.Logger, service echo, opts ...Option) *running {
	t.Helper()
	s, err := NewServer(cfg, log, opts...)
	if err != nil {
		t.Fatal(err)
	}
	s.RegisterService(&echoDesc, service)
	ln, err := net.Listen("tcp", addr)
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

// dialAll connects to several servers as a registry would tell them.
func dialAll(t testing.TB, cfg Config, addrs []string, opts ...Option) *Conn {
	t.Helper()
	r := manual.NewBuilderWithScheme("test")
	var state resolver.State
	for _, a := range addrs {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: a})
	}
	r.InitialState(state)
	return dial(t, "test:///servers", cfg, append(opts, WithResolver(r))...)
}

// limited is a context that ends before the test run does.
func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually repeats a check until it is true.
func eventually(t testing.TB, what string, check func() bool) {
	t.Helper()
	limit := time.Now().Add(20 * time.Second)
	for !check() {
		if time.Now().After(limit) {
			t.Fatalf("in 20 s it was never true that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func withConnections(n int) Config {
	cfg := DefaultConfig()
	cfg.Connections = n
	return cfg
}

func say(what string) echo {
	return func(context.Context, string) (string, error) { return what, nil }
}
