package rpc

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

// whereFrom is a service that answers with the address that called it.
func whereFrom(ctx context.Context, _ string) (string, error) {
	p, _ := peer.FromContext(ctx)
	return p.Addr.String(), nil
}

// three starts three servers, which say their letter, and counts their calls.
func three(t *testing.T) (servers [3]*running, addrs []string) {
	for i, name := range []string{"a", "b", "c"} {
		servers[i] = startServer(t, DefaultConfig(), say(name))
		addrs = append(addrs, servers[i].addr)
	}
	return servers, addrs
}

// shares makes calls one after the other, and counts which server answered; "" is none.
func shares(t *testing.T, c *Conn, calls int, limit time.Duration) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range calls {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		who, err := call(ctx, c, "")
		cancel()
		if err != nil {
			who = ""
		}
		got[who]++
	}
	return got
}

func all(t *testing.T, c *Conn) {
	t.Helper()
	eventually(t, "all three servers get calls, none too few", func() bool {
		got := shares(t, c, 60, 5*time.Second)
		return got["a"] > 5 && got["b"] > 5 && got["c"] > 5
	})
}

func without(t *testing.T, c *Conn, name string) {
	t.Helper()
	eventually(t, "no call fails, and none goes to "+name, func() bool {
		got := shares(t, c, 60, 5*time.Second)
		return got[name] == 0 && got[""] == 0
	})
}

func TestBalancing(t *testing.T) {
	t.Parallel()
	servers, addrs := three(t)
	c := dialAll(t, DefaultConfig(), addrs)
	all(t, c)

	servers[1].health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	without(t, c, "b")
	servers[1].health.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
	all(t, c)

	if err := servers[2].stop(); err != nil {
		t.Fatal(err)
	}
	without(t, c, "c")
}

// TestStopsAreNotNoticed: no call fails when a server of several drains, nor when
// it is killed.
func TestStopsAreNotNoticed(t *testing.T) {
	for name, stop := range map[string]func(*running){
		"drain": func(s *running) { _ = s.stop() },
		"kill":  func(s *running) { s.grpc.Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			servers, addrs := three(t)
			c := dialAll(t, DefaultConfig(), addrs)
			all(t, c)
			ctx, cancel := context.WithCancel(t.Context())
			var callers sync.WaitGroup
			var done, failed atomic.Int64
			for range 8 {
				callers.Go(func() {
					for ctx.Err() == nil {
						if _, err := call(limited(t), c, ""); err != nil {
							failed.Add(1)
							t.Error(err)
						}
						done.Add(1)
					}
				})
			}
			eventually(t, "calls are made", func() bool { return done.Load() > 100 })
			stop(servers[0])
			at := done.Load()
			eventually(t, "more calls are made", func() bool { return done.Load() > at+1000 })
			cancel()
			callers.Wait()
		})
	}
}

// TestRegistryChanges: servers that come are used, and those that go are not.
func TestRegistryChanges(t *testing.T) {
	t.Parallel()
	_, addrs := three(t)
	r := manual.NewBuilderWithScheme("test")
	r.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: addrs[0]}}})
	c := dial(t, "test:///x", withConnections(1), WithResolver(r)) // the test's resolver updates one
	if got := shares(t, c, 20, 5*time.Second); got["a"] != 20 {
		t.Fatalf("of one server: %v", got)
	}
	var endpoints []resolver.Endpoint
	for _, a := range addrs {
		endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: a}}})
	}
	r.UpdateState(resolver.State{Endpoints: endpoints})
	all(t, c)
	r.UpdateState(resolver.State{Endpoints: endpoints[1:]})
	without(t, c, "a")
}

// TestAPausedServer: a server that takes calls and answers none, as a stopped process does, costs few calls,
// and gets its share again when it goes on.
func TestAPausedServer(t *testing.T) {
	t.Parallel()
	_, addrs := three(t)
	p := newProxy(t, addrs[1])
	addrs[1] = p.addr
	c := dialAll(t, DefaultConfig(), addrs)
	all(t, c)

	p.pause()
	failed := 0
	eventually(t, "calls go past the server that stands still", func() bool {
		n := shares(t, c, 50, 200*time.Millisecond)[""]
		failed += n
		return n == 0
	})
	// A second's worth on each of two connections. Until pings find out, at 13 s,
	// it would be 65.
	if failed > 30 {
		t.Errorf("%d calls failed before the others went past", failed)
	}
	// At most a call in 3 s is spent on seeing whether it answers, by each of two connections.
	began := time.Now()
	got := shares(t, c, 500, time.Second)
	if most := 2 + 2*int(time.Since(began)/(3*time.Second)); got[""] > most || got["b"] > 0 {
		t.Errorf("of 500 calls %d failed, at most %d may", got[""], most)
	}
	p.resume()
	all(t, c)
}

// TestAFailingServer: a server that fails at once has no calls in flight; it must not attract more calls for
// that.
func TestAFailingServer(t *testing.T) {
	t.Parallel()
	_, addrs := three(t)
	var tries atomic.Int64
	bad := startServer(t, DefaultConfig(), func(context.Context, string) (string, error) {
		tries.Add(1)
		return "", status.Error(codes.Unavailable, "my database is away")
	})
	c := dialAll(t, DefaultConfig(), append(addrs, bad.addr))
	eventually(t, "it is connected and tried", func() bool { _ = shares(t, c, 5, time.Second); return tries.Load() > 0 })
	before := tries.Load()
	if got := shares(t, c, 200, 5*time.Second); got[""] > 0 {
		t.Errorf("%d calls failed", got[""])
	}
	// They take far less than the time of a few tries.
	if n := tries.Load() - before; n > 20 {
		t.Errorf("of 200 calls %d were tried on the failing server", n)
	}
}

// proxy forwards connections, and can stop doing so without closing them.
type proxy struct {
	addr string
	mu   sync.Mutex
	gate chan struct{} // closed while open
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: ln.Addr().String(), gate: make(chan struct{})}
	close(p.gate)
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); ln.Close(); running.Wait() })
	running.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			end := context.AfterFunc(ctx, func() { in.Close(); out.Close() })
			running.Go(func() { p.forward(ctx, in, out); end() })
			running.Go(func() { p.forward(ctx, out, in) })
		}
	})
	return p
}

func (p *proxy) forward(ctx context.Context, from, to net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		select {
		case <-gate:
		case <-ctx.Done():
			return
		}
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

func (p *proxy) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = make(chan struct{})
}

func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.gate)
}
