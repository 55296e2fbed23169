// Package walog is the durable embedded message queue: the topics of package
// stream over hashicorp/raft-wal, whose group commits are fsynced, whose
// segments rotate, and which finds a torn tail by itself.
package walog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq/stream"
	"github.com/gochat/gochat/infra/private"
)

var (
	// ErrInUse is wrapped when another process (or another transport of this
	// one) has the directory open.
	ErrInUse = errors.New("the message log is in use by another process")
	// ErrDamaged is wrapped when the log cannot be read; nothing was changed.
	ErrDamaged = stream.ErrDamaged
)

// Config says where the log is. Zero values are replaced by defaults.
type Config struct {
	// Dir is made when it is missing.
	Dir string
	// SegmentBytes is the size of one file; default 16 MiB. Space is given back
	// in whole files.
	SegmentBytes int
	// Stream tunes what is not about files.
	Stream stream.Config
}

const (
	defaultSegmentBytes = 16 << 20
	lockFile            = "LOCK"
	stateKey            = "stream-state"
)

// Open opens or makes the log in a directory. It reads only the newest segment,
// so the time does not grow with the log.
func Open(cfg Config, log *zap.Logger) (*stream.Stream, error) {
	if cfg.SegmentBytes == 0 {
		cfg.SegmentBytes = defaultSegmentBytes
	}
	if err := private.Dir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("the directory of the message log cannot be used: %w", err)
	}
	if err := private.Files(cfg.Dir); err != nil {
		return nil, fmt.Errorf("the message log cannot be used: %w", err)
	}
	lock := flock.New(filepath.Join(cfg.Dir, lockFile), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the message log in %s: %w", cfg.Dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrInUse, cfg.Dir)
	}
	// The library does not close its meta store, so it gets ours.
	meta := &metadb.BoltMetaDB{}
	w, err := open(cfg, meta)
	if err != nil {
		return nil, errors.Join(err, meta.Close(), lock.Unlock())
	}
	j := &journal{wal: w, meta: meta, dir: cfg.Dir, lock: lock}
	s, err := stream.Open(cfg.Stream, j, ledger{w}, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the message log in %s: %w", cfg.Dir, err), j.Close())
	}
	return s, nil
}

// open turns what the library says of broken files into ErrDamaged; its meta
// store panics on some of them.
func open(cfg Config, meta *metadb.BoltMetaDB) (w *wal.WAL, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s: %v", ErrDamaged, cfg.Dir, p)
		}
	}()
	if err = finishRotation(cfg.Dir, cfg.SegmentBytes); err == nil {
		w, err = wal.Open(cfg.Dir, wal.WithSegmentSize(cfg.SegmentBytes), wal.WithMetaStore(meta),
			wal.WithSegmentFiler(segment.NewFiler(cfg.Dir, files{fs.New()})))
	}
	if err == nil {
		// The library makes its metadata open to others, in a directory that is not.
		if err = private.Existing(filepath.Join(cfg.Dir, metadb.FileName)); err != nil {
			return nil, errors.Join(fmt.Errorf("the message log cannot be used: %w", err), w.Close())
		}
	}
	var path *os.PathError
	switch {
	case err == nil:
		return w, nil
	case errors.As(err, &path) && !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("open the message log in %s: %w", cfg.Dir, err)
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, cfg.Dir, err)
}

// journal keeps entries in a write-ahead log.
type journal struct {
	wal  *wal.WAL
	meta *metadb.BoltMetaDB
	dir  string
	lock *flock.Flock
}

func (j *journal) Append(index uint64, data []byte) error {
	if err := j.wal.StoreLog(&raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: data}); err != nil {
		return fmt.Errorf("append entry %d in %s: %w", index, j.dir, err)
	}
	return nil
}

func (j *journal) Read(index uint64) ([]byte, error) {
	var l raft.Log
	if err := j.wal.GetLog(index, &l); err != nil {
		return nil, fmt.Errorf("%w: entry %d in %s: %w", ErrDamaged, index, j.dir, err)
	}
	return l.Data, nil
}

func (j *journal) Bounds() (first, last uint64, err error) {
	if first, err = j.wal.FirstIndex(); err == nil {
		last, err = j.wal.LastIndex()
	}
	return first, last, err
}

func (j *journal) Truncate(before uint64) error {
	first, err := j.wal.FirstIndex()
	if err != nil || before <= first {
		return err
	}
	return j.wal.DeleteRange(first, before-1)
}

func (j *journal) Close() error {
	return errors.Join(j.wal.Close(), j.meta.Close(), j.lock.Unlock())
}

// ledger keeps the stream's state in the log's own meta store.
type ledger struct{ wal *wal.WAL }

func (l ledger) Load() ([]byte, error) { return l.wal.Get([]byte(stateKey)) }

func (l ledger) Save(state []byte) error { return l.wal.Set([]byte(stateKey), state) }

// files makes segments that only their owner reads; the library's own are open to
// everybody.
type files struct{ *fs.FS }

func (f files) Create(dir, name string, size uint64) (types.WritableFile, error) {
	w, err := f.FS.Create(dir, name, size)
	if err != nil {
		return nil, err
	}
	if err := private.Existing(filepath.Join(dir, name)); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}
