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

	files types.VFS // the operating system's, but for tests
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
	if cfg.files == nil {
		cfg.files = files{fs.New()}
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
	j := &journal{cfg: cfg, dir: cfg.Dir, lock: lock}
	if err := j.open(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	s, err := stream.Open(cfg.Stream, j, ledger{j}, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the message log in %s: %w", cfg.Dir, err), j.Close())
	}
	return s, nil
}

// open turns the library's errors and panics about broken files into ErrDamaged (its meta store panics on
// some of them).
func open(cfg Config, meta *metadb.BoltMetaDB) (w *wal.WAL, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s: %v", ErrDamaged, cfg.Dir, p)
		}
	}()
	// The library takes all that it finds for committed, even what a killed process had not synced, and it
	// syncs a segment's name only when it made the segment itself.
	if err = private.SettleDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("the message log cannot be used: %w", err)
	}
	if err = recoverTail(cfg); err == nil {
		w, err = wal.Open(cfg.Dir, wal.WithSegmentSize(cfg.SegmentBytes), wal.WithMetaStore(meta),
			wal.WithSegmentFiler(segment.NewFiler(cfg.Dir, cfg.files)))
	}
	if err == nil {
		// The library makes its metadata readable for everybody, though the directory is not.
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
