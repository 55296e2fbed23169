package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
)

// Pings on connections: a peer whose machine or process stands still is noticed after the sum of the two,
// about 13 s. 10 s is the shortest interval that gRPC allows.
const (
	pingEvery = 10 * time.Second
	pingWait  = 3 * time.Second
)

// handshakeTimeout is how long a client may take to connect as a client of gRPC.
const handshakeTimeout = 10 * time.Second

// leaveDelay lets clients hear that a server drains, and choose another one for
// their next calls, before its connections close.
const leaveDelay = 200 * time.Millisecond

// Server serves gRPC services on a socket. Register all of them, then Serve.
type Server struct {
	cfg    Config
	log    *zap.Logger
	grpc   *grpc.Server
	health *health.Server

	mu      sync.Mutex
	leaving bool
}

// NewServer makes a server that gives calls a deadline, survives panics of
// handlers, reports errors as Local does, and with TLS asks every client for a
// certificate. An error is one sentence that names the setting at fault.
func NewServer(cfg Config, log *zap.Logger, opts ...Option) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	o := apply(append([]Option{WithLog(log)}, opts...))
	creds := insecure.NewCredentials()
	if cfg.TLS.Enabled() {
		var err error
		if creds, err = newCredentials(cfg.TLS, log, o.metrics); err != nil {
			return nil, err
		}
	}
	m, err := newServerMetrics(o.metrics)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, health: health.NewServer()}
	s.grpc = grpc.NewServer(
		grpc.Creds(creds),
		grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithFilter(notHealth))),
		grpc.ChainUnaryInterceptor(m.unary, onBehalf, statusErrors, logFailures(log), recoverPanics(log), withDeadline(cfg.CallTimeout)),
		grpc.ChainStreamInterceptor(streamPanics(log)),
		grpc.MaxRecvMsgSize(cfg.MaxMessageSize),
		grpc.MaxSendMsgSize(cfg.MaxMessageSize),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingEvery / 2, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: pingEvery, Timeout: pingWait,
			MaxConnectionAge: cfg.MaxConnectionAge, MaxConnectionAgeGrace: cfg.DrainTimeout,
		}),
		grpc.ConnectionTimeout(handshakeTimeout),
		// Serve ends after its handlers have: they may use what is closed next.
		grpc.WaitForHandlers(true),
	)
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	return s, nil
}

// RegisterService adds a service; only before Serve.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.grpc.RegisterService(desc, impl)
	s.health.SetServingStatus(desc.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
}

// Serve answers calls on ln until ctx is done, then drains: clients are told to
// go elsewhere, calls in flight end within rpc.drain_timeout, the rest is cut
// off, which is an error. It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.grpc.Serve(ln) }()
	select {
	case err := <-failed:
		s.grpc.Stop()
		return fmt.Errorf("serve calls on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	err := s.drain()
	if e := <-failed; e != nil && !errors.Is(e, grpc.ErrServerStopped) {
		err = errors.Join(err, fmt.Errorf("serve calls on %s: %w", ln.Addr(), e))
	}
	return err
}

func (s *Server) drain() error {
	s.health.Shutdown() // it stays so: nothing sets it again
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(leaveDelay)
		s.grpc.GracefulStop()
	}()
	limit := time.NewTimer(s.cfg.DrainTimeout)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
	}
	s.grpc.Stop()
	<-done
	return fmt.Errorf("calls were still running %v (rpc.drain_timeout) after the stop and were cut off", s.cfg.DrainTimeout)
}
