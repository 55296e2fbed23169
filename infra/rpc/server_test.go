package rpc

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
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

func TestCallsAreCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := startServer(t, DefaultConfig(), func(_ context.Context, in string) (string, error) {
		if in == "no" {
			return "", status.Error(codes.NotFound, "not there")
		}
		return in, nil
	}, WithMetrics(reg))
	for range 2 { // two connections share their metrics
		c := dial(t, s.addr, DefaultConfig(), WithMetrics(reg), WithCaller("gateway/3"))
		for _, in := range []string{"yes", "yes", "no"} {
			_, _ = call(limited(t), c, in)
		}
	}
	want := map[string]map[string]uint64{
		"gochat_rpc_server_seconds": {"gateway OK": 4, "gateway NotFound": 2},
		"gochat_rpc_client_seconds": {" OK": 4, " NotFound": 2},
	}
	for name, rows := range counts(t, reg) {
		for k, n := range rows {
			if want[name][k] != n {
				t.Errorf("%s %s: %d, want %d", name, k, n, want[name][k])
			}
			delete(want[name], k)
		}
		if len(want[name]) > 0 {
			t.Errorf("%s has no %v", name, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no metric %v", want)
	}
}

// counts reads all histograms: name to "caller code" to number.
func counts(t *testing.T, reg *prometheus.Registry) map[string]map[string]uint64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]uint64{}
	for _, f := range families {
		rows := map[string]uint64{}
		for _, m := range f.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			rows[labels["caller"]+" "+labels["code"]] += m.Histogram.GetSampleCount()
		}
		all[f.GetName()] = rows
	}
	return all
}

func TestRoleLabelsAreFew(t *testing.T) {
	var r roleLabels
	seen := map[string]bool{}
	for i := range 1000 {
		seen[r.of(strings.Repeat("x", i%100)+"/1")] = true
	}
	if len(seen) > maxRoles+2 || !seen["other"] || !seen[""] {
		t.Errorf("%d values of a label", len(seen))
	}
	if got := r.of("\xff/1"); got != "other" {
		t.Errorf("what is no text became %q", got)
	}
}
