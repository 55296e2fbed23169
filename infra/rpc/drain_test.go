package rpc

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// held is a service whose calls wait until they are let go.
type held struct {
	entered chan struct{}
	release chan struct{}
}

func newHeld() *held {
	return &held{make(chan struct{}, 64), make(chan struct{})}
}

func (h *held) work(ctx context.Context, in string) (string, error) {
	h.entered <- struct{}{}
	select {
	case <-h.release:
		return in, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func TestDrainFinishesCallsInFlight(t *testing.T) {
	h := newHeld()
	s := startServer(t, DefaultConfig(), h.work)
	c := dial(t, s.addr, DefaultConfig())
	done := make(chan error, 1)
	go func() {
		_, err := call(limited(t), c, "x")
		done <- err
	}()
	<-h.entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	eventually(t, "new connections are refused while it drains", func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-done:
		t.Fatalf("the call in flight ended with %v when the drain began", err)
	case err := <-stopped:
		t.Fatalf("the server stopped (%v) before the call had ended", err)
	default:
	}
	close(h.release)
	if err := <-done; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("the stop: %v", err)
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.DrainTimeout = 100 * time.Millisecond
	h := newHeld()
	s := startServer(t, cfg, h.work)
	c := dial(t, s.addr, cfg)
	done := make(chan error, 1)
	go func() {
		_, err := call(limited(t), c, "x")
		done <- err
	}()
	<-h.entered
	if err := s.stop(); err == nil || !strings.Contains(err.Error(), "rpc.drain_timeout") {
		t.Errorf("the stop: %v, want a word on rpc.drain_timeout", err)
	}
	if err := <-done; status.Code(err) != codes.Unavailable {
		t.Errorf("the call that was cut off: %v", err)
	}
}

// TestDrainTellsWatchers: watchers of a server's health hear of the drain while the server still answers.
func TestDrainTellsWatchers(t *testing.T) {
	h := newHeld()
	s := startServer(t, DefaultConfig(), h.work)
	c := dial(t, s.addr, DefaultConfig())
	for _, service := range []string{"", echoService} {
		got, err := healthpb.NewHealthClient(c).Check(limited(t), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
			t.Fatalf("service %q: %v, %v", service, got, err)
		}
	}
	ctx, leave := context.WithCancel(limited(t))
	watch, err := healthpb.NewHealthClient(c).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := watch.Recv(); err != nil || m.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("%v, %v", m, err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	if m, err := watch.Recv(); err != nil || m.Status != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("at the drain: %v, %v; want NOT_SERVING", m, err)
	}
	leave()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestStopWithIdleClients: the health checks of connected clients, which never
// end by themselves, do not hold up a stop until its time is up.
func TestStopWithIdleClients(t *testing.T) {
	s := startServer(t, DefaultConfig(), say("x"))
	if _, err := call(limited(t), dial(t, s.addr, DefaultConfig()), ""); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Errorf("a stop with an idle client: %v", err)
	}
}
