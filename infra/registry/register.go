package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Instance is one process that answers for a service.
type Instance struct {
	// ID tells the instances of a service apart. Who registers with the ID of another
	// one replaces it.
	ID string
	// Address is host:port of the gRPC server, as others reach it.
	Address string
	// Metadata is for people and tools.
	Metadata map[string]string
}

// entry is how an instance is kept at etcd.
type entry struct {
	Address  string            `json:"address"`
	Metadata map[string]string `json:"metadata,omitempty"`
	// Leaving: the instance ends on purpose, so resolvers drop it without a grace period.
	Leaving bool `json:"leaving,omitempty"`
}

func (e entry) String() string {
	b, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("encode strings as JSON: %v", err)) // cannot be
	}
	return string(b)
}

// Registration keeps an instance registered until it is closed. It is safe for
// concurrent use.
type Registration struct {
	r      *Registry
	key    string
	value  entry
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *Registry) serviceKey(service string) string { return r.prefix + "/services/" + service + "/" }

// Register makes an instance known to all who resolve the service, and returns
// when it is. From then on it is registered again whenever etcd has lost it.
func (r *Registry) Register(ctx context.Context, service string, in Instance) (*Registration, error) {
	if service == "" || in.ID == "" || in.Address == "" || strings.Contains(service+in.ID, "/") {
		return nil, fmt.Errorf("register service %q, instance %q at %q: a name, an ID (both without slashes) and an address are needed",
			service, in.ID, in.Address)
	}
	g := &Registration{
		r: r, key: r.serviceKey(service) + in.ID, value: entry{Address: in.Address, Metadata: in.Metadata},
		done: make(chan struct{}),
	}
	var l *lease
	err := r.insist(ctx, func() (err error) {
		l, err = g.put(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("register service %s at etcd (see registry.endpoints): %w", service, err)
	}
	ctx, g.cancel = context.WithCancel(r.ctx)
	if !r.own(func() { defer close(g.done); g.run(ctx, l) }) {
		g.cancel()
		l.revoke()
		return nil, ErrClosed
	}
	return g, nil
}

// Close takes the instance out of the list; when etcd does not answer within a
// few seconds, the registration runs out by itself.
func (g *Registration) Close() error {
	g.cancel()
	<-g.done
	return nil
}

// put registers with a new lease.
func (g *Registration) put(ctx context.Context) (*lease, error) {
	l, err := g.r.grant(ctx, g.r.ttl)
	if err != nil {
		return nil, err
	}
	if err := g.ensure(ctx, l); err != nil {
		l.revoke()
		return nil, err
	}
	return l, nil
}

// ensure writes the key unless it is there with this lease.
func (g *Registration) ensure(ctx context.Context, l *lease) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := g.r.client.Txn(ctx).
		If(clientv3.Compare(clientv3.LeaseValue(g.key), "=", l.id)).
		Else(clientv3.OpPut(g.key, g.value.String(), clientv3.WithLease(l.id))).
		Commit()
	if err != nil {
		return fmt.Errorf("write %s to etcd: %w", g.key, err)
	}
	return nil
}

// run keeps the instance registered, until ctx ends. l is the lease of the registration; nil: there is none.
func (g *Registration) run(ctx context.Context, l *lease) {
	wait := g.r.ttl / 3
	for {
		g.r.pause(ctx, wait, nil)
		if ctx.Err() != nil {
			g.leave(l)
			return
		}
		var err error
		l, err = g.step(ctx, l)
		g.r.note("registering", err)
		if wait = g.r.ttl / 3; err != nil {
			wait = min(wait, g.r.retry)
		}
	}
}

// step renews the registration, or makes it again if etcd has lost it.
func (g *Registration) step(ctx context.Context, l *lease) (*lease, error) {
	if l == nil {
		return g.put(ctx)
	}
	err := l.renew(ctx)
	if errors.Is(err, errLeaseGone) {
		g.r.log.Info("etcd has lost a registration; it is made again", zap.String("key", g.key))
		return g.put(ctx)
	}
	if err == nil {
		err = g.ensure(ctx, l) // the key may be lost without its lease
	}
	return l, err
}

// leave marks the instance as leaving, so that nobody calls it any more, and gives the lease back.
func (g *Registration) leave(l *lease) {
	if l == nil {
		return
	}
	ctx, cancel := g.r.farewell()
	defer cancel()
	bye := g.value
	bye.Leaving = true
	_, err := g.r.client.Txn(ctx).
		If(clientv3.Compare(clientv3.LeaseValue(g.key), "=", l.id)).
		Then(clientv3.OpPut(g.key, bye.String(), clientv3.WithLease(l.id))).
		Commit()
	if err != nil {
		g.r.note("taking a registration back", err)
	}
	l.revokeIn(ctx)
}
