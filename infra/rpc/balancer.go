package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/base"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// balancerName is how the service config asks for this balancer.
const balancerName = "least_busy_responsive"

// silentAfter is how long a server may leave all calls unanswered before others
// are preferred; probeEvery is how often it is tried nevertheless.
const (
	silentAfter = time.Second
	probeEvery  = 3 * time.Second
)

func init() { balancer.Register(builder{}) }

// builder makes balancers that choose the server with the fewest calls in
// flight, and none that has stopped answering. gRPC's own round_robin keeps
// sending a share of all calls to a process that stands still, until a ping
// fails after 13 s.
type builder struct{}

// Name implements balancer.Builder.
func (builder) Name() string { return balancerName }

// Build implements balancer.Builder.
func (builder) Build(cc balancer.ClientConn, opts balancer.BuildOptions) balancer.Balancer {
	servers := &servers{known: map[balancer.SubConn]*server{}}
	return base.NewBalancerBuilder(balancerName, servers, base.Config{HealthCheck: true}).Build(cc, opts)
}

// servers keeps what is known of each server from one picker to the next.
type servers struct {
	mu    sync.Mutex
	known map[balancer.SubConn]*server
}

// Build implements base.PickerBuilder.
func (s *servers) Build(info base.PickerBuildInfo) balancer.Picker {
	if len(info.ReadySCs) == 0 {
		return base.NewErrPicker(balancer.ErrNoSubConnAvailable)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[balancer.SubConn]*server, len(info.ReadySCs))
	p := make(picker, 0, len(info.ReadySCs))
	for sc := range info.ReadySCs {
		srv := s.known[sc]
		if srv == nil {
			srv = &server{conn: sc}
		}
		known[sc] = srv
		p = append(p, srv)
	}
	s.known = known
	return p
}

// server is a connection and how it has been answering.
type server struct {
	conn balancer.SubConn
	// inflight counts calls without an answer.
	inflight atomic.Int64
	// waiting is since when (Unix ns) a call has been without any answer to it or
	// another one; 0 when none is.
	waiting atomic.Int64
	// probed is when (Unix ns) a silent server was last tried.
	probed atomic.Int64
}

func (s *server) silent(now int64) bool {
	since := s.waiting.Load()
	return since != 0 && now-since > int64(silentAfter)
}

type picker []*server

// Pick implements balancer.Picker.
func (p picker) Pick(balancer.PickInfo) (balancer.PickResult, error) {
	now := time.Now().UnixNano()
	var best, silent *server
	var bestLoad, silentLoad int64
	// A random start, so that idle servers take turns.
	for i, n := rand.IntN(len(p)), 0; n < len(p); i, n = (i+1)%len(p), n+1 { // #nosec G404 -- no secret
		s := p[i]
		load := s.inflight.Load()
		if s.silent(now) {
			if last := s.probed.Load(); now-last > int64(probeEvery) && s.probed.CompareAndSwap(last, now) {
				return s.pick(now), nil
			}
			if silent == nil || load < silentLoad {
				silent, silentLoad = s, load
			}
			continue
		}
		if best == nil || load < bestLoad {
			best, bestLoad = s, load
		}
	}
	if best == nil {
		best = silent
	}
	return best.pick(now), nil
}

func (s *server) pick(now int64) balancer.PickResult {
	s.inflight.Add(1)
	s.waiting.CompareAndSwap(0, now)
	return balancer.PickResult{SubConn: s.conn, Done: s.done}
}

// done learns from the end of a call. Anything that came from the server is a
// sign of life; that our own deadline passed, or the caller lost interest, is not.
func (s *server) done(info balancer.DoneInfo) {
	left := s.inflight.Add(-1)
	switch {
	case info.BytesReceived:
		if left > 0 {
			s.waiting.Store(time.Now().UnixNano())
		} else {
			s.waiting.Store(0)
		}
	case left == 0 && !timedOut(info.Err):
		s.waiting.Store(0)
	}
}

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded
}
