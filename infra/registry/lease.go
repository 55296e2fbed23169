package registry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	// errLeaseGone: etcd does not know the lease any more.
	errLeaseGone = errors.New("etcd does not know the lease any more")
	// errLeaseDoubt: etcd may have ended the lease meanwhile.
	errLeaseDoubt = errors.New("the lease could not be renewed in time")
)

// lease is a lease at etcd, and the time until which etcd certainly keeps it.
//
// The library's own KeepAlive counts from the answer's arrival, although etcd may have counted from long
// before; and its KeepAliveOnce calls without a pause while there is no connection.
type lease struct {
	r   *Registry
	id  clientv3.LeaseID
	ttl time.Duration
	end atomic.Pointer[time.Time]

	line *line // for renewals; nil: none is open
}

// grant asks for a lease.
func (r *Registry) grant(ctx context.Context, ttl time.Duration) (*lease, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sent := time.Now()
	resp, err := r.client.Grant(ctx, int64((ttl+time.Second-1)/time.Second))
	if err != nil {
		return nil, fmt.Errorf("get a lease from etcd: %w", err)
	}
	l := &lease{r: r, id: resp.ID, ttl: ttl}
	l.extend(sent)
	return l, nil
}

func (l *lease) extend(sent time.Time) {
	end := sent.Add(l.ttl)
	l.end.Store(&end)
}

// deadline is the time before which etcd cannot have ended the lease by itself: the lease's duration, counted
// on the monotonic clock from before the last successful request was sent.
func (l *lease) deadline() time.Time { return *l.end.Load() }

// revoke ends the lease and removes its keys; when etcd does not answer, they go
// when the lease runs out.
func (l *lease) revoke() {
	ctx, cancel := l.r.farewell()
	defer cancel()
	l.revokeIn(ctx)
}

func (l *lease) revokeIn(ctx context.Context) {
	if l.line != nil {
		l.line.hangUp()
	}
	if _, err := l.r.client.Revoke(ctx, l.id); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		l.r.note("giving a lease back", err)
	}
}

// keep renews until ctx ends (nil), etcd has forgotten the lease (errLeaseGone),
// or margin is left until etcd may end it (errLeaseDoubt).
func (l *lease) keep(ctx context.Context, margin time.Duration) error {
	wait := l.ttl / 3
	for ctx.Err() == nil {
		late, err := l.renewAfter(ctx, wait, margin)
		switch {
		case ctx.Err() != nil:
			continue
		case errors.Is(err, errLeaseGone):
			return err
		case late && err != nil:
			return fmt.Errorf("%w: %w", errLeaseDoubt, err)
		}
		l.r.note("renewing a lease", err)
		if wait = l.ttl / 3; err != nil {
			wait = min(wait, l.r.retry)
		}
	}
	return nil
}

// renewAfter waits, then renews. late: no more than margin is left, or ctx has ended.
func (l *lease) renewAfter(ctx context.Context, wait, margin time.Duration) (late bool, err error) {
	ctx, cancel := context.WithDeadline(ctx, l.deadline().Add(-margin))
	defer cancel()
	l.r.pause(ctx, wait, nil)
	if err = ctx.Err(); err == nil {
		err = l.renew(ctx)
	}
	return ctx.Err() != nil, err
}
