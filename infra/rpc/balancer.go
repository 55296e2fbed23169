package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/base"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// balancerName is how the service config asks for this balancer.
const balancerName = "least_busy_responsive"

const (
	// silentAfter is how long a server may leave all its calls unanswered before
	// others are preferred.
	silentAfter = time.Second
	// probeEvery is how often a silent server without calls gets one.
	probeEvery = 3 * time.Second
	// failedFor is how long others are preferred to a server that is unavailable.
	failedFor = time.Second
)

func init() { balancer.Register(builder{}) }

// builder makes balancers that choose the server with the fewest calls in flight, and avoid servers that do
// not answer, or answer only that they are unavailable.
//
// gRPC's round_robin keeps sending its share of all calls to a process that
// stands still, until a ping fails after 13 s; its outlier detection comes with
// all of xDS; and its least_request is drawn to a server that fails at once,
// because such a server is never busy.
type builder struct{}

// Name implements balancer.Builder.
func (builder) Name() string { return balancerName }

// Build implements balancer.Builder.
func (builder) Build(cc balancer.ClientConn, opts balancer.BuildOptions) balancer.Balancer {
	known := &servers{known: map[balancer.SubConn]*server{}}
	return flat{base.NewBalancerBuilder(balancerName, known, base.Config{HealthCheck: true}).Build(cc, opts)}
}

// flat gives the base balancer addresses also from resolvers that give endpoints only.
type flat struct{ balancer.Balancer }

// UpdateClientConnState implements balancer.Balancer.
func (f flat) UpdateClientConnState(s balancer.ClientConnState) error {
	if len(s.ResolverState.Addresses) == 0 {
		for _, e := range s.ResolverState.Endpoints {
			s.ResolverState.Addresses = append(s.ResolverState.Addresses, e.Addresses...)
		}
	}
	return f.Balancer.UpdateClientConnState(s)
}

// servers keeps what is known of each server from one picker to the next. A
// balancer is called by one goroutine at a time.
type servers struct{ known map[balancer.SubConn]*server }

// Build implements base.PickerBuilder.
func (s *servers) Build(info base.PickerBuildInfo) balancer.Picker {
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
	if len(p) == 0 {
		return base.NewErrPicker(balancer.ErrNoSubConnAvailable)
	}
	return p
}

// picker chooses among the servers that are connected and say that they serve.
type picker []*server

// Pick implements balancer.Picker.
func (p picker) Pick(balancer.PickInfo) (balancer.PickResult, error) {
	now := time.Now()
	var best *server
	var bestLoad load
	first := rand.IntN(len(p)) // #nosec G404 -- so that idle servers take turns
	for i := range p {
		s := p[(first+i)%len(p)]
		l, probe := s.look(now)
		if probe {
			best = s
			break
		}
		if best == nil || l.less(bestLoad) {
			best, bestLoad = s, l
		}
	}
	best.began(now)
	return balancer.PickResult{SubConn: best.conn, Done: best.done}, nil
}

// load says how good a choice a server is.
type load struct {
	suspect  bool
	inflight int
}

func (l load) less(than load) bool {
	if l.suspect != than.suspect {
		return than.suspect
	}
	return l.inflight < than.inflight
}

// server is one connection and how it has been answering.
type server struct {
	conn balancer.SubConn

	mu       sync.Mutex
	inflight int
	// unanswered is since when calls have been in flight, or have timed out, without an answer to any; zero:
	// they are answered, or there are none.
	unanswered time.Time
	// avoid is until when the server counts as unavailable.
	avoid time.Time
	// probed is when a call was last sent to the server in spite of its silence.
	probed time.Time
}

// look returns the server's load, and whether it is time to send a silent server a call, as a probe.
func (s *server) look(now time.Time) (l load, probe bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	silent := !s.unanswered.IsZero() && now.Sub(s.unanswered) > silentAfter
	if silent && s.inflight == 0 && now.Sub(s.unanswered) > probeEvery && now.Sub(s.probed) > probeEvery {
		s.probed = now
		return l, true
	}
	return load{suspect: silent || now.Before(s.avoid), inflight: s.inflight}, false
}

func (s *server) began(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inflight++
	if s.unanswered.IsZero() {
		s.unanswered = now
	}
}

// done learns from the end of a call. Bytes from the server are a sign of life; a deadline that passed is a
// sign of silence; a caller that gave up, or a broken connection, says nothing.
func (s *server) done(info balancer.DoneInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inflight--
	switch {
	case info.BytesReceived && s.inflight > 0:
		s.unanswered = time.Now()
	case info.BytesReceived, s.inflight == 0 && !timedOut(info.Err):
		s.unanswered = time.Time{}
	}
	if status.Code(info.Err) == codes.Unavailable {
		s.avoid = time.Now().Add(failedFor)
	} else if info.BytesReceived {
		s.avoid = time.Time{}
	}
}

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded
}
