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

// DB is an open database. It is safe for concurrent use.
type DB struct {
	driver   Driver
	name     string
	writer   *bun.DB
	primary  *bun.DB
	replicas []*replica
	turn     atomic.Uint64
	hook     *slowHook
	log      *zap.Logger
	writes   writes
	// patient opens a MySQL pool without db.statement_timeout.
	patient func() (*bun.DB, error)
}

// Open opens the database and checks that it answers. ErrDamaged when an
// SQLite file is there but cannot be read as a database.
func Open(ctx context.Context, cfg Config, log *zap.Logger) (*DB, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	cfg = cfg.withDefaults()
	d := &DB{driver: cfg.Driver, log: log, hook: &slowHook{backslash: cfg.Driver == MySQL, log: log, queries: newQueries()}}
	d.SetSlowQuery(cfg.SlowQuery)
	open := d.openSQLite
	if cfg.Driver == MySQL {
		open = d.openMySQL
	}
	if err := open(ctx, cfg); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Driver tells which SQL the database speaks.
func (d *DB) Driver() Driver { return d.driver }

// Log is for problems with the database that no caller is told.
func (d *DB) Log() *zap.Logger { return d.log }

// Writer is the pool for everything that writes. With SQLite it is one
// connection, whose transactions take the write lock when they begin.
func (d *DB) Writer() *bun.DB { return d.writer }

// Primary is for reads that must see everything that is committed.
func (d *DB) Primary() *bun.DB { return d.primary }

// Patient returns a pool for statements that may take longer than db.statement_timeout, and a function that
// closes it. On SQLite the pool is the writer.
func (d *DB) Patient() (pool *bun.DB, closed func() error, err error) {
	if d.patient == nil {
		return d.writer, func() error { return nil }, nil
	}
	if pool, err = d.patient(); err != nil {
		return nil, nil, err
	}
	return pool, pool.Close, nil
}

// Tx runs fn in one transaction of the writer and commits it; an error of fn rolls it back and is returned,
// as is an error of the commit. On MySQL transactions are read committed, as all of its sessions are: rows
// are locked as they are read for writing, and a snapshot from before the lock would hide what was committed
// while waiting for the lock.
func (d *DB) Tx(ctx context.Context, fn func(context.Context, bun.Tx) error) error {
	err := d.transact(ctx, fn)
	if err == nil || ctx.Err() == nil { // an expired context says nothing of the disk
		d.writes.note(err)
	}
	return err
}

func (d *DB) transact(ctx context.Context, fn func(context.Context, bun.Tx) error) error {
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(ctx, tx); err != nil {
		if rb := tx.Rollback(); rb != nil && !errors.Is(rb, sql.ErrTxDone) {
			return errors.Join(err, fmt.Errorf("roll back: %w", rb))
		}
		return err
	}
	err = tx.Commit()
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		err = ctx.Err() // database/sql rolled back when ctx ended
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Observe counts a raw statement, and logs it when it was slow. what describes the statement without values;
// err is its outcome.
func (d *DB) Observe(what string, start time.Time, err error) {
	took := time.Since(start)
	d.hook.measure(what, took, err)
	d.hook.observe(what, took)
}

// Check asks each pool for an answer; the keys are "database" and "database-replica-N", whose error wraps
// ErrBehind for a replica that is behind. After WatchWrites there is also "database-write", whose error wraps
// ErrNotWritable. Errors wrap ErrDamaged for a damaged file.
func (d *DB) Check(ctx context.Context) map[string]error {
	out := map[string]error{"database": d.ping(ctx, d.primary)}
	if d.writes.probe != nil {
		out[WriteCheck] = d.writes.check(ctx)
	}
	for _, r := range d.replicas {
		out["database-"+r.name] = d.checkReplica(ctx, r)
	}
	return out
}

func (d *DB) ping(ctx context.Context, pool *bun.DB) error {
	var one int
	if err := pool.DB.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("ask the database: %w", d.classify(err))
	}
	return nil
}

// Stats says how each pool is used; the keys are "writer", "reader" where readers
// are a pool of their own, and "replica-N".
func (d *DB) Stats() map[string]sql.DBStats {
	out := map[string]sql.DBStats{"writer": d.writer.Stats()}
	if d.primary != d.writer {
		out["reader"] = d.primary.Stats()
	}
	for _, r := range d.replicas {
		out[r.name] = r.pool.Stats()
	}
	return out
}

// Close closes all pools.
func (d *DB) Close() error {
	d.writes.close()
	var errs []error
	closed := map[*bun.DB]bool{}
	pools := []*bun.DB{d.writer, d.primary}
	for _, r := range d.replicas {
		pools = append(pools, r.pool)
	}
	for _, pool := range pools {
		if pool == nil || closed[pool] {
			continue
		}
		closed[pool] = true
		if err := pool.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close the database: %w", err))
		}
	}
	return errors.Join(errs...)
}
