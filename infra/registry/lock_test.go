package registry

import (
	"context"
	"fmt"
)

// Lock is a held key without an election, for tests of held by many processes at once. The program itself has
// no locks.
type Lock struct{ h *held }

// Lock waits for a lock until it is this process's, or ctx or the registry ends;
// while etcd is away it waits.
func (r *Registry) Lock(ctx context.Context, name string) (*Lock, error) {
	h, err := r.hold(ctx, r.prefix+"/locks/"+name)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return &Lock{h}, nil
}

// Token grows from holder to holder, for as long as etcd keeps its data.
func (l *Lock) Token() int64 { return l.h.revision }

// Lost is closed by Unlock, and before the lock may be given to another process because etcd has not
// answered. Only an etcd that breaks its word (it lost its data, or a leader that stood still ended leases
// that had been renewed elsewhere) gives the lock away earlier; then Lost is closed within seconds, and Token
// tells the two holders apart.
func (l *Lock) Lost() <-chan struct{} { return l.h.lost }

// Unlock gives the lock to the next one. It returns within some seconds even when
// etcd does not answer; the lock then runs out by itself. It may be called again.
func (l *Lock) Unlock() { l.h.release() }
