package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/private"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// Target is where a backup goes.
type Target struct {
	// Dir is a data directory that nobody else uses.
	Dir string
	// Database, Queue and Secrets are the names of the parts in Dir.
	Database, Queue, Secrets string
	// LoadQueue makes a queue in a directory from a dump.
	LoadQueue func(ctx context.Context, dir string, dump io.Reader) error
	// Keep are names in Dir that stay: locks, certificates.
	Keep []string
}

// Restored is what a restore did.
type Restored struct {
	Manifest
	// NewEpoch is the store's epoch now.
	NewEpoch string
	// Before is the directory in Dir that has what was in Dir before; empty: nothing was.
	Before string
}

// Vacant returns ErrNotEmpty when the directory has anything in it that a restore would put away.
func (t Target) Vacant() error {
	old, err := t.present()
	if err == nil && len(old) > 0 {
		err = fmt.Errorf("%w: there is %s in %s", ErrNotEmpty, old[0], t.Dir)
	}
	return err
}

// Restore puts a backup into the directory, in two steps. First the whole backup is read, checked and laid out
// in StageDir, brought to this program's schema and given another epoch; when the process is killed meanwhile,
// the present data is as it was. Then the present data is moved into a directory in Dir, and the new
// data into its place; when the process is killed meanwhile, Cut returns ErrCut, no gochat starts on the
// directory, and Finish does the rest. Errors may wrap ErrNotBackup, ErrLocked, ErrNotLocked and
// store.ErrNewerSchema; then nothing was changed.
func (t Target) Restore(ctx context.Context, file string, lock Lock) (_ *Restored, err error) {
	stage := filepath.Join(t.Dir, StageDir)
	if err := t.clear(); err != nil {
		return nil, fmt.Errorf("remove what an earlier restore left: %w", err)
	}
	defer func() {
		if err != nil && t.Cut() == nil {
			err = errors.Join(err, os.RemoveAll(stage))
		}
	}()
	parts, laid := filepath.Join(stage, "parts"), filepath.Join(stage, newDir)
	for _, dir := range []string{parts, laid} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make a directory for what is restored: %w", err)
		}
	}
	m, err := unpack(ctx, file, lock, parts)
	if err != nil {
		return nil, err
	}
	r := &Restored{Manifest: *m}
	if r.NewEpoch, err = t.layOut(ctx, m, parts, laid); err != nil {
		return nil, err
	}
	if err := errors.Join(private.SyncDir(laid), private.SyncDir(stage), private.SyncDir(t.Dir)); err != nil {
		return nil, fmt.Errorf("make what is restored durable: %w", err)
	}
	p, err := t.plan(r)
	if err != nil {
		return nil, err
	}
	r.Before = p.Before
	return r, t.settle(p)
}

// clear removes the leftovers of a restore that was killed before it had written its plan.
func (t Target) clear() error {
	list, err := os.ReadDir(t.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, one := range list {
		if one.Type().IsRegular() && private.Unfinished(one.Name()) {
			err = os.Remove(filepath.Join(t.Dir, one.Name()))
		}
		if err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(t.Dir, StageDir))
}

func unpack(ctx context.Context, file string, lock Lock, dir string) (_ *Manifest, err error) {
	f, err := os.Open(file) // #nosec G304 -- the operator's file
	if err != nil {
		return nil, fmt.Errorf("read the backup: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readArchive(ctx, f, lock, dir)
}

// layOut makes the contents of the new data directory from the parts, and returns the store's new epoch.
func (t Target) layOut(ctx context.Context, m *Manifest, parts, laid string) (epoch string, err error) {
	for _, p := range m.Parts {
		from := filepath.Join(parts, p.Name)
		switch p.Kind {
		case KindDatabase:
			if err = os.Rename(from, filepath.Join(laid, t.Database)); err == nil {
				epoch, err = renew(ctx, filepath.Join(laid, t.Database))
			}
		case KindSecrets:
			err = os.Rename(from, filepath.Join(laid, t.Secrets))
		case KindQueue:
			err = t.queue(ctx, from, filepath.Join(laid, t.Queue))
		}
		if err != nil {
			return "", fmt.Errorf("lay out %s: %w", p.Name, err)
		}
	}
	return epoch, nil
}

func (t Target) queue(ctx context.Context, from, dir string) (err error) {
	f, err := os.Open(from) // #nosec G304 -- one of our names
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := t.LoadQueue(ctx, dir, f); err != nil {
		return err
	}
	return private.SyncDir(dir)
}

// renew brings a restored database to this program's schema, gives it another epoch, and lets the search
// index be rebuilt: stored events that came after the queue's dump and were indexed after the copy of the
// database are in neither part.
func renew(ctx context.Context, path string) (epoch string, err error) {
	d, err := db.Open(ctx, db.Config{Driver: db.SQLite, Path: path}, zap.NewNop())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if _, err := sqlstore.Migrate(ctx, d); err != nil {
		return "", err
	}
	s := sqlstore.New(d)
	if err := s.RestartBackfill(ctx); err != nil {
		return "", err
	}
	if epoch, err = s.NewEpoch(ctx); err != nil {
		return "", err
	}
	// Only the database's main file is moved, so that everything has to be in it.
	if _, err := d.Writer().DB.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return "", fmt.Errorf("fold the database's log back: %w", err)
	}
	return epoch, nil
}
