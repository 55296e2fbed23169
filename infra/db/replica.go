package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/zap"
)

// ErrBehind says that a replica lately lacked something that the primary has.
var ErrBehind = errors.New("the replica is behind the primary")

// failedFor and behindFor are how long a replica is left alone. Then one read tries it, while the others go
// on with the primary.
const (
	failedFor = 5 * time.Second
	behindFor = time.Second
)

// replica is a server that follows the primary. It is optional: the primary answers whatever a replica does
// not.
type replica struct {
	name    string
	pool    *bun.DB
	timeout time.Duration
	// until is when the replica may be asked again, in Unix nanoseconds; 0: it is well.
	until  atomic.Int64
	behind atomic.Bool
	// answers counts reads by how they went.
	served, late, failed atomic.Int64
}

// ReplicaReads counts the reads of a replica: Served with a whole answer, Late with an answer that lacked
// something, Failed without an answer.
type ReplicaReads struct{ Served, Late, Failed int64 }

// ReplicaReads says how each replica did; the keys are as those of Stats.
func (d *DB) ReplicaReads() map[string]ReplicaReads {
	out := make(map[string]ReplicaReads, len(d.replicas))
	for _, r := range d.replicas {
		out[r.name] = ReplicaReads{r.served.Load(), r.late.Load(), r.failed.Load()}
	}
	return out
}

// TryReplica lets read ask a replica that is well, and reports whether it got an answer; without one, or
// without a replica, the caller asks the primary. read returns whether the answer had everything that the
// caller knows to exist. A replica may serve only reads that can be checked so, since a reader has to find
// what was pushed to it.
func (d *DB) TryReplica(ctx context.Context, read func(ctx context.Context, pool *sql.DB) (whole bool, err error)) bool {
	r := d.pick()
	if r == nil {
		return false
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	whole, err := read(bounded, r.pool.DB)
	switch {
	case ctx.Err() != nil:
		return false // it says nothing about the replica
	case err != nil:
		r.failed.Add(1)
		if r.avoid(failedFor) {
			d.log.Warn("a replica fails; the primary answers", zap.String("replica", r.name), zap.Error(err))
		}
		return false
	case !whole:
		r.late.Add(1)
		r.behind.Store(true)
		if r.avoid(behindFor) {
			d.log.Warn("a replica is behind; the primary answers", zap.String("replica", r.name))
		}
		return true
	}
	r.served.Add(1)
	if r.until.Swap(0) != 0 {
		r.behind.Store(false)
		d.log.Info("a replica is well again", zap.String("replica", r.name))
	}
	return true
}

// avoid leaves the replica alone for a while, and reports whether it was well.
func (r *replica) avoid(d time.Duration) (news bool) {
	return r.until.Swap(time.Now().Add(d).UnixNano()) == 0
}

// pick returns the next replica that is well, or one that may be tried again, which other reads then leave
// alone until the outcome is known; nil: none.
func (d *DB) pick() *replica {
	n := uint64(len(d.replicas))
	first := d.turn.Add(1)
	for i := range n {
		r := d.replicas[(first+i)%n]
		until := r.until.Load()
		if until == 0 {
			return r
		}
		now := time.Now()
		if now.UnixNano() >= until && r.until.CompareAndSwap(until, now.Add(2*r.timeout).UnixNano()) {
			return r
		}
	}
	return nil
}

func (d *DB) checkReplica(ctx context.Context, r *replica) error {
	if err := d.ping(ctx, r.pool); err != nil {
		return err
	}
	if r.behind.Load() {
		return fmt.Errorf("ask the database: %w", ErrBehind)
	}
	return nil
}
