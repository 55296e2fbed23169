package registry

import (
	"context"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/gochat/gochat/infra/pause"
)

// held is a key that at most one process has at a time, as long as its lease
// lasts.
type held struct {
	r        *Registry
	key      string
	lease    *lease
	revision int64         // of the key's creation: grows from holder to holder
	lost     chan struct{} // closed before somebody else can have the key
	cancel   context.CancelFunc
	done     chan struct{}
	released sync.Once
}

// hold waits for a key until it is ours, or ctx or the registry ends.
func (r *Registry) hold(ctx context.Context, key string) (*held, error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	for {
		h, since, err := r.tryHold(ctx, key)
		if h != nil {
			return h, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for %s: %w", key, context.Cause(ctx))
		}
		r.note("asking for "+key, err)
		if err != nil {
			r.pause(ctx, r.retry, nil)
		} else {
			r.awaitFree(ctx, key, since)
		}
	}
}

// tryHold takes a key if it is free. When another process has it, tryHold returns nil and the revision of
// etcd's data, from which awaitFree watches.
func (r *Registry) tryHold(ctx context.Context, key string) (*held, int64, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	there, err := r.client.Get(call, key, clientv3.WithCountOnly())
	if err != nil {
		return nil, 0, fmt.Errorf("read %s from etcd: %w", key, err)
	}
	if there.Count > 0 {
		return nil, there.Header.Revision, nil
	}
	l, err := r.grant(ctx, r.ttl)
	if err != nil {
		return nil, 0, err
	}
	resp, err := r.client.Txn(call).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, "", clientv3.WithLease(l.id))).
		Commit()
	if err != nil || !resp.Succeeded {
		l.revoke() // it may have been written all the same
		if err != nil {
			return nil, 0, fmt.Errorf("take %s at etcd: %w", key, err)
		}
		return nil, resp.Header.Revision, nil
	}
	h := &held{r: r, key: key, lease: l, revision: resp.Header.Revision, lost: make(chan struct{}), done: make(chan struct{})}
	ctx, h.cancel = context.WithCancel(r.ctx)
	if !r.own(func() { h.run(ctx) }) {
		h.cancel()
		l.revoke()
		return nil, 0, ErrClosed
	}
	return h, 0, nil
}

// awaitFree waits until the key may be free.
func (r *Registry) awaitFree(ctx context.Context, key string, since int64) {
	back := r.reconnected()
	ctx, cancel := context.WithTimeout(ctx, pause.About(r.ttl/2)) // an etcd without its data never says that a key has gone
	defer cancel()
	events := r.client.Watch(clientv3.WithRequireLeader(ctx), key, clientv3.WithRev(since+1), clientv3.WithFilterPut())
	select {
	case resp, ok := <-events:
		if !ok || resp.Err() != nil {
			r.pause(ctx, min(r.retry, 100*time.Millisecond), nil)
		}
	case <-back:
	}
}

// run is the owner.
func (h *held) run(ctx context.Context) {
	defer close(h.done)
	err := h.lease.keep(ctx, h.r.margin)
	close(h.lost)
	h.r.note("keeping "+h.key, err)
}

// release gives the key to others, after the work under it has ended: only the caller knows when. Between
// lost and the end of the lease is margin, in which the work can end.
func (h *held) release() {
	h.cancel()
	<-h.done
	h.released.Do(h.lease.revoke)
}
