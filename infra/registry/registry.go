package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/infra/pause"
)

// ErrClosed is returned by a registry that has been closed.
var ErrClosed = errors.New("the registry is closed")

// callTimeout bounds every single call to etcd.
const callTimeout = 3 * time.Second

// timings are constants of the running system; tests shorten them.
type timings struct {
	// ttl of the leases of registrations, leaders and names. A leadership counts as lost by margin before its
	// lease can have ended at etcd.
	ttl, margin time.Duration
	// workerTTL is longer than any outage of etcd in which ids must still be made.
	workerTTL, workerRenew time.Duration
	// quarantine is the time between the last id that the former holder of a worker
	// id can have made and the first of the next holder.
	quarantine time.Duration
	// relist bounds how long a watch is trusted without reading everything again.
	relist time.Duration
	// grace is how long a server whose registration ran out is still shown while there are others, and
	// keepLast how long the last ones are when there are none.
	grace, keepLast time.Duration
	// retry is the pause after a call that failed.
	retry time.Duration
}

var defaultTimings = timings{
	ttl: 10 * time.Second, margin: 2 * time.Second,
	workerTTL: 5 * time.Minute, workerRenew: 30 * time.Second, quarantine: time.Minute,
	relist: 10 * time.Second, grace: 15 * time.Second, keepLast: 5 * time.Minute,
	retry: time.Second,
}

// Registry is a connection to etcd and what this process keeps there. It is safe
// for concurrent use.
type Registry struct {
	client *clientv3.Client
	prefix string
	log    *zap.Logger
	timings

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	owned  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	back   chan struct{} // closed, and made anew, each time that the connection comes back
	away   time.Time     // since when etcd is known not to serve; zero: it does
	warned time.Time
}

// Open connects to etcd, waiting for it up to cfg.DialTimeout. Its errors say
// which setting to look at.
func Open(ctx context.Context, cfg Config, log *zap.Logger) (*Registry, error) {
	return open(ctx, cfg, log, defaultTimings)
}

func open(ctx context.Context, cfg Config, log *zap.Logger, times timings) (*Registry, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !cfg.Enabled() {
		return nil, errors.New("registry.endpoints: is empty")
	}
	client, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r := &Registry{client: client, prefix: cfg.root(), log: log, timings: times, back: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.owned.Go(func() { r.watchConnection(r.ctx) })
	return r, nil
}

// Health reports whether etcd answers with a quorum.
func (r *Registry) Health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := r.client.Get(ctx, r.prefix+"/health", clientv3.WithCountOnly()); err != nil {
		return fmt.Errorf("read from etcd: %w", err)
	}
	return nil
}

// Close ends everything that was started with this registry and has not ended:
// registrations, names and worker ids are given back, leaderships end. It returns
// when all of that is done.
func (r *Registry) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.owned.Wait()
	if err := r.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("close the connection to etcd: %w", err)
	}
	return nil
}

// own runs f on a goroutine that Close waits for; false: the registry is closed.
func (r *Registry) own(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.owned.Go(f)
	return true
}

// within returns a context that ends with ctx or with the registry.
func (r *Registry) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(r.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// farewell is a context for the last calls of a part that ends. It is short, since leases end by themselves:
// a stop does not wait for an etcd that is away.
func (r *Registry) farewell() (context.Context, context.CancelFunc) {
	const long = 1500 * time.Millisecond
	return context.WithTimeout(context.WithoutCancel(r.ctx), long)
}

// watchConnection wakes everyone who waits for reconnected when etcd can be reached again, since it may have
// lost its data meanwhile.
func (r *Registry) watchConnection(ctx context.Context) {
	conn := r.client.ActiveConnection()
	for {
		state := conn.GetState()
		if state == connectivity.Idle {
			conn.Connect()
		}
		if !conn.WaitForStateChange(ctx, state) {
			return
		}
		if conn.GetState() == connectivity.Ready {
			r.mu.Lock()
			close(r.back)
			r.back = make(chan struct{})
			r.mu.Unlock()
		}
	}
}

// reconnected is closed at the next time that the connection comes back.
func (r *Registry) reconnected() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.back
}

// pause waits for about d, or until the connection comes back, nudge delivers (nil: it never does), or ctx
// ends.
func (r *Registry) pause(ctx context.Context, d time.Duration, nudge <-chan struct{}) {
	select {
	case <-time.After(pause.About(d)):
	case <-r.reconnected():
	case <-nudge:
	case <-ctx.Done():
	}
}

// insist calls f, up to three times while etcd does not answer in time: one of several members may stand
// still, and calls take turns among them.
func (r *Registry) insist(ctx context.Context, f func() error) error {
	const tries = 3
	for n := 1; ; n++ {
		err := f()
		code := status.Code(err) // tells a connection that broke
		if e, ok := errors.AsType[rpctypes.EtcdError](err); ok {
			code = e.Code()
		}
		passing := errors.Is(err, context.DeadlineExceeded) || code == codes.Unavailable
		if !passing || n == tries || ctx.Err() != nil {
			return err
		}
		r.pause(ctx, r.retry/4, nil)
	}
}

// warnEvery bounds the log while etcd is away.
const warnEvery = 30 * time.Second

// note keeps the log informed of etcd's absence and return, without a flood.
func (r *Registry) note(what string, err error) {
	if r.ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil && !r.away.IsZero():
		// warned stays: one call may succeed each time that another one fails.
		r.log.Info("etcd serves again", zap.Duration("away", now.Sub(r.away).Round(time.Second)))
		r.away = time.Time{}
	case err != nil && now.Sub(r.warned) > warnEvery:
		if r.away.IsZero() {
			r.away = now
		}
		r.warned = now
		r.log.Warn("etcd does not answer properly (see registry.endpoints); this process goes on with what it knows",
			zap.String("while", what), zap.Duration("away", now.Sub(r.away).Round(time.Second)), zap.Error(err))
	}
}
