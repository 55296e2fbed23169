package registry

import (
	"context"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/gochat/gochat/infra/pause"
)

// change is what happened to one key, named without the prefix that is followed.
type change struct {
	key, value string
	gone       bool
}

// follow keeps apply informed of all keys below a prefix: first of the keys that are there (possibly none),
// then of each change, until ctx ends. failed is called when etcd could not be read; the keys that are known
// stay so.
//
// A watch alone is not enough. It says nothing while etcd is away, ends when its revision was compacted, and
// waits for ever on an etcd that lost its data and will not reach the watch's revision for years. So
// everything is read again whenever the watch ends or the connection comes back, and every timings.relist
// anyway.
func (r *Registry) follow(ctx context.Context, prefix string, apply func([]change), failed func(error)) {
	f := &follower{r: r, prefix: prefix, known: map[string]string{}, apply: apply}
	for first := true; ctx.Err() == nil; {
		back := r.reconnected()
		revision, err := f.list(ctx, first)
		r.note("reading "+prefix, err)
		if err != nil {
			if ctx.Err() == nil {
				failed(err)
			}
			r.pause(ctx, r.retry, nil)
			continue
		}
		first = false
		f.watch(ctx, revision+1, back)
	}
}

type follower struct {
	r      *Registry
	prefix string
	known  map[string]string
	apply  func([]change)
}

// list reads everything, applies the differences, and returns the revision.
func (f *follower) list(ctx context.Context, first bool) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := f.r.client.Get(ctx, f.prefix, clientv3.WithPrefix())
	if err != nil {
		return 0, fmt.Errorf("read %s from etcd: %w", f.prefix, err)
	}
	var changes []change
	there := make(map[string]bool, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		c := change{key: f.name(kv.Key), value: string(kv.Value)}
		there[c.key] = true
		if old, ok := f.known[c.key]; !ok || old != c.value {
			changes = append(changes, c)
		}
	}
	for key := range f.known {
		if !there[key] {
			changes = append(changes, change{key: key, gone: true})
		}
	}
	if first || len(changes) > 0 {
		f.take(changes)
	}
	return resp.Header.Revision, nil
}

// watch applies changes from a revision on, until it is time to read everything
// again.
func (f *follower) watch(ctx context.Context, revision int64, back <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, pause.About(f.r.relist))
	defer cancel()
	// Watch itself may block for as long as ctx lasts.
	events := f.r.client.Watch(clientv3.WithRequireLeader(ctx), f.prefix, clientv3.WithPrefix(), clientv3.WithRev(revision))
	for {
		select {
		case resp, ok := <-events:
			if !ok || resp.Err() != nil {
				f.r.pause(ctx, min(f.r.retry, 100*time.Millisecond), nil) // so that a watch that fails at once is no busy loop
				return
			}
			var changes []change
			for _, ev := range resp.Events {
				changes = append(changes, change{key: f.name(ev.Kv.Key), value: string(ev.Kv.Value), gone: ev.Type == clientv3.EventTypeDelete})
			}
			if len(changes) > 0 {
				f.take(changes)
			}
		case <-back:
			return
		}
	}
}

func (f *follower) take(changes []change) {
	for _, c := range changes {
		if c.gone {
			delete(f.known, c.key)
		} else {
			f.known[c.key] = c.value
		}
	}
	f.apply(changes)
}

func (f *follower) name(key []byte) string { return strings.TrimPrefix(string(key), f.prefix) }
