package rpc

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

func TestServeOnAClosedListener(t *testing.T) {
	s, err := NewServer(DefaultConfig(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := s.Serve(limited(t), ln); err == nil || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("got %v, want an error that names the address", err)
	}
}

func TestServeWhenAlreadyStopped(t *testing.T) {
	s, err := NewServer(DefaultConfig(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(ctx, ln); err != nil {
		t.Error(err)
	}
}

// TestForeignCallsHaveAnEnd: a handler does not work for ever for a client of another make that sets no
// deadline.
func TestForeignCallsHaveAnEnd(t *testing.T) {
	cfg := DefaultConfig()
	cfg.CallTimeout = 50 * time.Millisecond
	s := startServer(t, cfg, func(ctx context.Context, _ string) (string, error) {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(10 * time.Second):
			return "", errors.New("nothing ended the call")
		}
	})
	plain, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := call(t.Context(), plain, ""); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
}

// TestFailuresAreLogged: the log has the cause that the caller is not told, and the caller.
func TestFailuresAreLogged(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	work := func(_ context.Context, in string) (string, error) {
		switch in {
		case "panic":
			panic("what a panic says")
		case "fail":
			return "", ownError{status.New(codes.Internal, "told")}
		}
		return "", status.Error(codes.NotFound, "not there")
	}
	s := startServerAt(t, "127.0.0.1:0", DefaultConfig(), zap.New(core), work)
	c := dial(t, s.addr, DefaultConfig(), WithCaller("gateway/3"))
	for _, in := range []string{"panic", "fail", "no"} {
		if _, err := call(limited(t), c, in); err == nil {
			t.Fatalf("%s did not fail", in)
		}
	}
	var panics, failures int
	for _, e := range logs.All() {
		m := e.ContextMap()
		if m["caller"] != "gateway/3" || m["method"] != echoMethod {
			t.Errorf("%s: caller %v, method %v", e.Message, m["caller"], m["method"])
		}
		switch e.Message {
		case "a call panicked":
			panics++
			if m["panic"] != "what a panic says" || !strings.Contains(m["stack"].(string), "server_test.go") {
				t.Errorf("the panic was logged as %v", m)
			}
		case "a call failed":
			failures++
		}
	}
	// The panic is logged as a failed call, too; codes.NotFound is not a failure.
	if panics != 1 || failures != 2 {
		t.Errorf("logged %d panics and %d failures, want 1 and 2: %v", panics, failures, logs.All())
	}
}
