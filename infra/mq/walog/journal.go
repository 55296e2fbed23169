package walog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"

	"github.com/gochat/gochat/infra/mq/stream"
)

// journal keeps entries in a write-ahead log.
type journal struct {
	cfg  Config
	dir  string
	lock *flock.Flock

	mu   sync.RWMutex // held by who uses wal and meta; Mend replaces them
	wal  *wal.WAL
	meta *metadb.BoltMetaDB
	last uint64 // the newest entry that was confirmed
}

// errGone is returned when the log could be closed to mend it and not be opened again.
var errGone = errors.New("the message log was closed because its disk was full, and could not be opened again: restart")

func (j *journal) open() error {
	// The library does not close its meta store, so it gets ours.
	meta := &metadb.BoltMetaDB{}
	w, err := open(j.cfg, meta)
	if err != nil {
		return errors.Join(err, meta.Close())
	}
	if j.last, err = w.LastIndex(); err != nil {
		return errors.Join(err, w.Close(), meta.Close())
	}
	j.wal, j.meta = w, meta
	return nil
}

// use calls do with the open log.
func (j *journal) use(do func(*wal.WAL) error) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.wal == nil {
		return errGone
	}
	return do(j.wal)
}

// Append implements stream.Journal. Its error wraps stream.ErrNoRoom when the entry was
// not written for want of room.
func (j *journal) Append(index uint64, data []byte) error {
	err := j.use(func(w *wal.WAL) error {
		return w.StoreLog(&raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: data})
	})
	switch {
	case err == nil:
		j.last = index
		return nil
	case noRoom(err):
		return fmt.Errorf("append entry %d in %s: %w: %w", index, j.dir, stream.ErrNoRoom, err)
	}
	return fmt.Errorf("append entry %d in %s: %w", index, j.dir, err)
}

// noRoom reports whether an append failed for want of room, in this segment or for the next one. A failed
// fsync is not that, whatever its cause: nobody knows what is on the disk after it.
func noRoom(err error) bool {
	var at *fs.PathError
	if errors.As(err, &at) && at.Op == "sync" {
		return false
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, types.ErrSealed)
}

// roomFile is made and removed to see whether the disk has room for two segments.
const roomFile = "room.tmp"

// Mend implements stream.Mender: once there is room for two segments it opens the log
// again, which cuts off what was written of the entry that had no room. Every confirmed
// entry was synced before, so all of them are there.
func (j *journal) Mend() error {
	if err := j.room(); err != nil {
		return fmt.Errorf("%w: %w", stream.ErrNoRoom, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.wal == nil {
		return errGone
	}
	last, w, meta := j.last, j.wal, j.meta
	j.wal, j.meta = nil, nil
	if err := errors.Join(w.Close(), meta.Close()); err != nil {
		return fmt.Errorf("close the message log in %s to mend it: %w", j.dir, err)
	}
	if err := j.open(); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	if j.last != last {
		return fmt.Errorf("%w: entry %d in %s was confirmed last, and the newest is %d", ErrDamaged, last, j.dir, j.last)
	}
	return nil
}

// room makes a file of two segments' size and removes it.
func (j *journal) room() error {
	if err := os.Remove(filepath.Join(j.dir, roomFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for room in %s: %w", j.dir, err)
	}
	f, err := j.cfg.files.Create(j.dir, roomFile, 2*uint64(j.cfg.SegmentBytes)) //nolint:gosec // bounded by Config
	if err == nil {
		err = f.Close()
	}
	if gone := os.Remove(filepath.Join(j.dir, roomFile)); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return fmt.Errorf("make room in %s: %w", j.dir, err)
	}
	return nil
}

// Read implements stream.Journal.
func (j *journal) Read(index uint64) ([]byte, error) {
	var l raft.Log
	if err := j.use(func(w *wal.WAL) error { return w.GetLog(index, &l) }); err != nil {
		return nil, fmt.Errorf("%w: entry %d in %s: %w", ErrDamaged, index, j.dir, err)
	}
	return l.Data, nil
}

// Bounds implements stream.Journal.
func (j *journal) Bounds() (first, last uint64, err error) {
	err = j.use(func(w *wal.WAL) (err error) {
		if first, err = w.FirstIndex(); err == nil {
			last, err = w.LastIndex()
		}
		return err
	})
	return first, last, err
}

// Truncate implements stream.Journal.
func (j *journal) Truncate(before uint64) error {
	return j.use(func(w *wal.WAL) error {
		first, err := w.FirstIndex()
		if err != nil || before <= first {
			return err
		}
		return w.DeleteRange(first, before-1)
	})
}

// Close implements stream.Journal.
func (j *journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	if j.wal != nil {
		errs = append(errs, j.wal.Close(), j.meta.Close())
	}
	return errors.Join(append(errs, j.lock.Unlock())...)
}

// ledger keeps the stream's state in the log's own meta store.
type ledger struct{ journal *journal }

func (l ledger) Load() (state []byte, err error) {
	err = l.journal.use(func(w *wal.WAL) (err error) {
		state, err = w.Get([]byte(stateKey))
		return err
	})
	return state, err
}

func (l ledger) Save(state []byte) error {
	return l.journal.use(func(w *wal.WAL) error { return w.Set([]byte(stateKey), state) })
}
