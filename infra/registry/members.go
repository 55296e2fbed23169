package registry

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"go.uber.org/zap"
)

// Members follows who is registered for a service. It is safe for concurrent use.
type Members struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu  sync.Mutex
	ids map[string]Instance
	// list has the keys of ids. It is made anew with each change, so that callers may keep it.
	list []string
}

// Members begins to follow who is registered for a service, until Close or the end of the
// registry. While etcd is away the list stays as it was.
func (r *Registry) Members(service string) (*Members, error) {
	m := &Members{done: make(chan struct{}), ids: map[string]Instance{}}
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(r.ctx)
	follow := func() {
		defer close(m.done)
		r.follow(ctx, r.serviceKey(service), func(changes []change) { m.take(r, service, changes) }, func(error) {})
	}
	if !r.own(follow) {
		m.cancel()
		return nil, ErrClosed
	}
	return m, nil
}

func (m *Members) take(r *Registry, service string, changes []change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		var e entry
		if !c.gone {
			if err := json.Unmarshal([]byte(c.value), &e); err != nil {
				r.log.Warn("a registration cannot be read and is ignored",
					zap.String("service", service), zap.String("instance", c.key), zap.Error(err))
				e.Leaving = true
			}
		}
		if c.gone || e.Leaving {
			delete(m.ids, c.key)
		} else {
			m.ids[c.key] = Instance{ID: c.key, Address: e.Address, Metadata: e.Metadata}
		}
	}
	m.list = slices.Collect(maps.Keys(m.ids))
}

// IDs lists who is registered, as last heard, in no order. It answers at once. The list must not be changed, and is the
// same slice until somebody comes or goes.
func (m *Members) IDs() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list
}

// Instances lists who is registered, as last heard, in no order. It answers at once. Callers must not change
// the instances' metadata.
func (m *Members) Instances() []Instance {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.ids))
}

// Close stops following; IDs and Instances keep their last answers.
func (m *Members) Close() {
	m.cancel()
	<-m.done
}
