package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/backup"
)

// ErrNotEmbedded is returned by Backup and Restore when the database is MySQL, which has its own backup tools.
var ErrNotEmbedded = errors.New("the database is MySQL, which its own tools back up; docs/operations.md says in which order")

// Backup writes a backup of the data directory to the file out. A GoChat process may run on the directory
// meanwhile: then that process is asked for the dump of the queue. See backup.Create. It returns ErrNotEmbedded
// when the database is MySQL.
func Backup(ctx context.Context, cfg *Config, d *db.DB, out string, o backup.Options) (_ *backup.Manifest, err error) {
	if cfg.DB.Driver == db.MySQL {
		return nil, ErrNotEmbedded
	}
	s := backup.Source{DB: d, Program: ThisBuild().String(), Secrets: filepath.Join(cfg.DataDir, secretsFile)}
	dir, err := OpenDataDir(cfg.DataDir)
	switch {
	case err == nil:
		defer func() { err = errors.Join(err, dir.Close()) }()
		s.Queue = func(ctx context.Context, w io.Writer) error { return dumpOfStopped(ctx, cfg.MQ, dir.File(QueueDir), w) }
	case errors.Is(err, ErrInUse):
		s.Queue = func(ctx context.Context, w io.Writer) error {
			return dumpOfRunning(ctx, filepath.Join(cfg.DataDir, controlFile), w)
		}
	default:
		return nil, err
	}
	if !cfg.MQ.kind().embedded() {
		s.Queue = nil // Kafka or Redis keeps the queue
	}
	return backup.Create(ctx, s, out, o)
}

func dumpOfStopped(ctx context.Context, cfg MQConfig, dir string, w io.Writer) error {
	q, err := cfg.openEmbedded(dir, zap.NewNop())
	if err != nil {
		return err
	}
	return errors.Join(q.Dump(ctx, w), q.Close())
}

// Restore puts the backup in file into the data directory; see backup.Target. When the directory has data, force
// moves that data aside, and without force backup.ErrNotEmpty is returned. forget empties the shared cache; it is
// called before any data is changed. finished is true when Restore completed an earlier restore that was cut off:
// then file was not read. It returns ErrNotEmbedded when the database is MySQL.
func Restore(ctx context.Context, cfg *Config, file string, lock backup.Lock, force bool, forget func(context.Context) error) (r *backup.Restored, finished bool, err error) {
	if cfg.DB.Driver == db.MySQL {
		return nil, false, ErrNotEmbedded
	}
	if cfg.DB.Path != "" {
		return nil, false, fmt.Errorf("db.path names the database %s, and a restore puts it into the data directory as %s: restore without db.path, then move the file", cfg.DB.Path, dbFile)
	}
	t := backup.Target{
		Dir: cfg.DataDir, Database: dbFile, Queue: QueueDir, Secrets: secretsFile, Keep: []string{lockFile, certsDir},
		LoadQueue: func(ctx context.Context, dir string, dump io.Reader) error { return loadQueue(ctx, cfg.MQ, dir, dump) },
	}
	cut := errors.Is(t.Cut(), backup.ErrCut)
	if err := t.Vacant(); err != nil && !cut && (!force || !errors.Is(err, backup.ErrNotEmpty)) {
		return nil, false, err
	}
	dir, err := TakeDataDir(cfg.DataDir)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if r, err := t.Finish(); r != nil || err != nil {
		return r, true, err
	}
	if err := forget(ctx); err != nil {
		return nil, false, err
	}
	r, err = t.Restore(ctx, file, lock)
	return r, false, err
}

func loadQueue(ctx context.Context, cfg MQConfig, dir string, dump io.Reader) error {
	q, err := cfg.openEmbedded(dir, zap.NewNop())
	if err != nil {
		return err
	}
	return errors.Join(q.Load(ctx, dump), q.Close())
}
