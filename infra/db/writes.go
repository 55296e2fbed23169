package db

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"
)

// ErrNotWritable says that the database takes no writes: its disk is full, another process has it locked, or
// the server is read-only. Reads go on.
var ErrNotWritable = errors.New("the database takes no writes")

// WriteCheck is the key of Check's answer on whether writes go through.
const WriteCheck = "database-write"

// Probe writes something small and durable in a transaction, and at least fill bytes: after a failed write
// there must be room for more than a row.
type Probe func(ctx context.Context, tx bun.Tx, fill int) error

const (
	// trusted is for how long a write that went through shows that others do.
	trusted = 5 * time.Second
	// probePause is the least time between two probes, however often Check is called.
	probePause = time.Second
	// probeTimeout is after how long a probe has failed.
	probeTimeout = 5 * time.Second
	// fillFile and fillServer are a probe's bytes after a failure: a disk that takes one row and not a group
	// of messages is full. A server may refuse more than a megabyte in one statement.
	fillFile   = 4 << 20
	fillServer = 512 << 10
)

// writes knows whether writes go through: from the transactions that are made anyway, and from a probe when
// there was none for a while or one failed. Safe for concurrent use.
type writes struct {
	probe func(ctx context.Context, fill int) error
	fill  int

	mu      sync.Mutex
	went    time.Time // the last that went through
	suspect bool      // one has failed since the last probe was begun
	asked   time.Time // when the last probe was begun
	verdict error     // of the last probe
	running chan struct{}
	stop    context.CancelFunc
}

// WatchWrites makes Check tell whether writes go through. Call it once, before Check.
func (d *DB) WatchWrites(probe Probe) {
	d.writes.fill = fillFile
	if d.driver == MySQL {
		d.writes.fill = fillServer
	}
	d.writes.probe = func(ctx context.Context, fill int) error {
		return d.Again(ctx, func(ctx context.Context) error {
			return d.Tx(ctx, func(ctx context.Context, tx bun.Tx) error { return probe(ctx, tx, fill) })
		})
	}
}

// note takes the outcome of each transaction. An error that is not the disk's (a refusal, a canceled context,
// a conflict with another transaction) changes nothing.
func (w *writes) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.went = time.Now()
		return
	}
	if mayBeTheDisks(err) {
		w.suspect = true // a probe decides
	}
}

func mayBeTheDisks(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || IsConflict(err) {
		return false
	}
	return IsTransient(err) || IsServers(err)
}

// check returns the last verdict, after a probe when one is due. When ctx ends before the probe does, the
// verdict from before the probe is returned.
func (w *writes) check(ctx context.Context) error {
	w.mu.Lock()
	running := w.running
	if running == nil && w.due() {
		running = w.begin()
	}
	w.mu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.verdict
}

// due reports whether to probe now.
func (w *writes) due() bool {
	if time.Since(w.asked) < probePause {
		return false
	}
	return w.verdict != nil || w.suspect || time.Since(w.went) > trusted
}

// begin starts the one probe that runs at a time.
func (w *writes) begin() chan struct{} {
	fill := 0
	if w.verdict != nil || w.suspect {
		fill = w.fill
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	done := make(chan struct{})
	w.running, w.stop, w.asked, w.suspect = done, cancel, time.Now(), false
	go func() {
		defer close(done)
		defer cancel()
		err := w.probe(ctx, fill)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running, w.verdict = nil, nil
		if err != nil {
			w.verdict = fmt.Errorf("%w: %w", ErrNotWritable, err)
		}
	}()
	return done
}

// close ends a probe that runs.
func (w *writes) close() {
	w.mu.Lock()
	running := w.running
	if running != nil {
		w.stop()
	}
	w.mu.Unlock()
	if running != nil {
		<-running
	}
}
