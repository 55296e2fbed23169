package registry

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// occupant is who has a name, as it was read.
type occupant struct {
	holder
	lease    clientv3.LeaseID
	revision int64
}

// take takes the name when it is free, when this process was its holder, or when its holder is dead; else it
// returns who has the name.
func (n *Name) take(ctx context.Context) (*occupant, error) {
	other, err := n.read(ctx)
	if err != nil {
		return nil, err
	}
	free := clientv3.Compare(clientv3.CreateRevision(n.key()), "=", 0)
	if other != nil {
		mine := other.ID == n.who.ID
		dead := n.seat != nil && other.Place == n.who.Place
		if !mine && !dead {
			return other, nil
		}
		free = clientv3.Compare(clientv3.ModRevision(n.key()), "=", other.revision)
	}
	l, err := n.r.grant(ctx, n.r.ttl)
	if err != nil {
		return nil, err
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := n.r.client.Txn(call).If(free).Then(clientv3.OpPut(n.key(), n.who.String(), clientv3.WithLease(l.id))).Commit()
	if err != nil || !resp.Succeeded {
		l.revoke() // it may have been written all the same
	}
	if err != nil {
		return nil, fmt.Errorf("write %s to etcd: %w", n.key(), err)
	}
	if !resp.Succeeded {
		return n.read(ctx)
	}
	n.lease = l
	return nil, nil
}

func (n *Name) read(ctx context.Context) (*occupant, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := n.r.client.Get(ctx, n.key())
	if err != nil {
		return nil, fmt.Errorf("read %s from etcd: %w", n.key(), err)
	}
	if len(resp.Kvs) == 0 {
		return nil, nil
	}
	return occupantOf(resp.Kvs[0])
}

func occupantOf(kv *mvccpb.KeyValue) (*occupant, error) {
	other := &occupant{lease: clientv3.LeaseID(kv.Lease), revision: kv.ModRevision}
	if err := json.Unmarshal(kv.Value, &other.holder); err != nil {
		return nil, fmt.Errorf("read who is at %s: %w", kv.Key, err)
	}
	return other, nil
}

// pulse tells a holder that lives, and so renews its lease every third of the lease's time, from a dead one,
// whose lease only grows shorter. One renewal proves nothing: a new leader of etcd gives every lease its
// whole time again.
type pulse struct {
	of   clientv3.LeaseID
	left int64
	felt int
}

func (p *pulse) beats(ctx context.Context, r *Registry, other *occupant) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := r.client.TimeToLive(ctx, other.lease)
	if err != nil {
		return false, fmt.Errorf("ask etcd for a lease: %w", err)
	}
	if p.of == other.lease && resp.TTL > p.left {
		p.felt++
	}
	if p.of != other.lease {
		p.felt = 0
	}
	p.of, p.left = other.lease, resp.TTL
	return p.felt > 1, nil
}
