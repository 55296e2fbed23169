package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // the client's side of health checks
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// serviceConfig: a call that ends as UNAVAILABLE, which the server has not or hardly begun, is made again.
// That is safe for every call of ours, since services are idempotent: a call that makes something carries its
// caller's key. retryThrottling spares a server that only ever fails. Health checks are of the server as a
// whole.
const serviceConfig = `{
	"loadBalancingConfig": [{"` + balancerName + `": {}}],
	"healthCheckConfig": {"serviceName": ""},
	"retryThrottling": {"maxTokens": 200, "tokenRatio": 0.5},
	"methodConfig": [{
		"name": [{}],
		"retryPolicy": {
			"maxAttempts": 4,
			"initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 4,
			"retryableStatusCodes": ["UNAVAILABLE"]
		}
	}]
}`

// Conn is a connection to all servers of a target. It is safe for concurrent use.
type Conn struct {
	target  string
	cfg     Config
	caller  string
	conns   []*grpc.ClientConn
	next    atomic.Uint32
	metrics *clientMetrics
}

var _ grpc.ClientConnInterface = (*Conn)(nil)

// Dial returns a connection to target: host:port, or, with WithResolver,
// scheme:///name. It connects in the background and again when a connection
// breaks; calls before that wait for rpc.connect_timeout. An error is one
// sentence that names the setting at fault.
//
// Calls go to the servers that serve and answer, the least busy first; one that
// is unavailable is tried again elsewhere, four times in about a second.
func Dial(target string, cfg Config, opts ...Option) (*Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	o := apply(opts)
	m, err := newClientMetrics(o.metrics)
	if err != nil {
		return nil, err
	}
	dialOpts, err := dialOptions(cfg, o)
	if err != nil {
		return nil, err
	}
	c := &Conn{target: target, cfg: cfg, caller: o.caller, metrics: m}
	for range cfg.Connections {
		conn, err := grpc.NewClient(target, dialOpts...)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connect to %s: %w", target, err), c.Close())
		}
		conn.Connect()
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

func dialOptions(cfg Config, o options) ([]grpc.DialOption, error) {
	creds := insecure.NewCredentials()
	if cfg.TLS.Enabled() {
		var err error
		if creds, err = newCredentials(cfg.TLS, o.log, o.metrics); err != nil {
			return nil, err
		}
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDisableServiceConfig(), // a registry does not tell us how to call
		grpc.WithNoProxy(),              // HTTPS_PROXY is for the world outside
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithFilter(notHealth))),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingWait, PermitWithoutStream: true}),
		grpc.WithIdleTimeout(0), // always connected: the first call after a quiet night is as fast as others
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 3 * time.Second,
		}),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(cfg.MaxMessageSize), grpc.MaxCallSendMsgSize(cfg.MaxMessageSize),
			// A request that is not kept cannot be sent again: gRPC keeps 256 KB.
			grpc.MaxRetryRPCBufferSize(cfg.MaxMessageSize),
		),
	}
	if o.resolver != nil {
		opts = append(opts, grpc.WithResolvers(o.resolver))
	}
	return opts, nil
}

// Invoke implements grpc.ClientConnInterface. A call without a deadline gets
// rpc.call_timeout. Errors are gRPC statuses; codes.Unavailable when no server
// can be reached.
func (c *Conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.CallTimeout)
		defer cancel()
	}
	began := time.Now()
	conn := c.pick()
	err := c.ready(ctx, conn)
	if err == nil {
		err = bare(conn.Invoke(withCaller(ctx, c.caller), method, args, reply, opts...))
	}
	c.metrics.observe(method, began, err)
	return err
}

// bare takes off the text that gRPC adds about its retries, which would be read as part of the server's
// message.
func bare(err error) error {
	if err == nil {
		return nil
	}
	return asStatus(err).Err()
}

// NewStream implements grpc.ClientConnInterface. A stream lives as long as its
// context.
func (c *Conn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	conn := c.pick()
	if err := c.ready(ctx, conn); err != nil {
		return nil, err
	}
	return conn.NewStream(withCaller(ctx, c.caller), desc, method, opts...)
}

func (c *Conn) pick() *grpc.ClientConn {
	return c.conns[int(c.next.Add(1))%len(c.conns)]
}

// ready waits, up to rpc.connect_timeout, while the first connections are being made. gRPC itself would wait
// as long as the call may take, even for a registry that never answers or a server that accepts connections
// and never speaks.
func (c *Conn) ready(ctx context.Context, conn *grpc.ClientConn) error {
	if conn.GetState() == connectivity.Ready {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	for {
		switch s := conn.GetState(); {
		case s != connectivity.Idle && s != connectivity.Connecting:
			return nil // gRPC says what is wrong, or the call goes through
		case conn.WaitForStateChange(wait, s):
		case ctx.Err() != nil:
			return status.FromContextError(ctx.Err()).Err()
		default:
			return status.Errorf(codes.Unavailable, "no server of %s could be reached in %v (rpc.connect_timeout)", c.target, c.cfg.ConnectTimeout)
		}
	}
}

// Close ends the connections; calls in flight fail.
func (c *Conn) Close() error {
	var errs []error
	for _, conn := range c.conns {
		if err := conn.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close the connection to %s: %w", c.target, err))
		}
	}
	return errors.Join(errs...)
}
