package backup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/private"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// Source is what a backup is made of.
type Source struct {
	DB *db.DB
	// Queue writes a dump of what the queue holds that was not handled; nil: the queue is elsewhere.
	Queue func(ctx context.Context, w io.Writer) error
	// Secrets is the file of the keys that the process made; one that is not there is left out.
	Secrets string
	// Program names this one in the manifest.
	Program string
}

// Options of a backup.
type Options struct {
	// WithoutSecrets leaves the keys out, and puts hashes that no password has in place of those of passwords.
	WithoutSecrets bool
	Lock           Lock
}

// Create makes a backup in the file out, which must not be there. Everything that was stored before the
// call is in it, and what was accepted before and not stored is, too; of what comes in meanwhile, a part may
// be. The file has mode 0600, is durable and was read again, or is not there: beside it is a
// directory of parts meanwhile, as large as the database, which stays only when this is killed. The
// archive that was encrypted for others' keys cannot be opened here; its bytes are read again all the same.
func Create(ctx context.Context, s Source, out string, o Options) (_ *Manifest, err error) {
	if _, err := os.Lstat(out); err == nil {
		return nil, fmt.Errorf("%s is there already: %w; name another file", out, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for %s: %w", out, err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(out), ".gochat-backup-*") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("make a directory for the parts: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m := &Manifest{Format: formatName, Version: formatVersion, CreatedAt: time.Now().UnixMilli(), Program: s.Program, WithoutSecrets: o.WithoutSecrets}
	kinds, err := s.collect(ctx, m, dir, o)
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		p, err := describe(ctx, dir, kind)
		if err != nil {
			return nil, err
		}
		m.Parts = append(m.Parts, p)
	}
	made := filepath.Join(dir, "archive")
	sum, err := s.write(ctx, m, dir, made, o.Lock)
	if err != nil {
		return nil, err
	}
	if err := check(ctx, made, sum, o.Lock); err != nil {
		return nil, err
	}
	if err := giveName(made, out); err != nil {
		return nil, fmt.Errorf("give the backup its name: %w", err)
	}
	if err := private.SyncDir(filepath.Dir(out)); err != nil {
		return nil, fmt.Errorf("make the backup's name durable: %w", err)
	}
	return m, nil
}

// giveName gives a file a name, which another one may have got meanwhile: that stays. Where a file system
// has no second names for a file, there is a moment in which it does not.
func giveName(made, out string) error {
	err := os.Link(made, out)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s: %w", out, fs.ErrExist)
	}
	return os.Rename(made, out)
}

// collect writes the parts. The queue is first: what it holds and is stored in between comes twice, and the
// store knows it; the other way round it would be in neither.
func (s Source) collect(ctx context.Context, m *Manifest, dir string, o Options) (kinds []string, err error) {
	if s.Queue != nil {
		if err := writeNew(filepath.Join(dir, names[KindQueue]), func(w io.Writer) error { return s.Queue(ctx, w) }); err != nil {
			return nil, fmt.Errorf("back up the message queue: %w", err)
		}
		kinds = append(kinds, KindQueue)
	}
	file := filepath.Join(dir, names[KindDatabase])
	if err := s.DB.Snapshot(ctx, file); err != nil {
		return nil, err
	}
	if err := look(ctx, m, file, o.WithoutSecrets); err != nil {
		return nil, err
	}
	kinds = append(kinds, KindDatabase)
	if o.WithoutSecrets || s.Secrets == "" {
		return kinds, nil
	}
	raw, err := os.ReadFile(s.Secrets)
	if errors.Is(err, fs.ErrNotExist) {
		return kinds, nil
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, names[KindSecrets]), raw, 0o600) //nolint:gosec // a name of ours, in a directory that we made
	}
	if err != nil {
		return nil, fmt.Errorf("back up the generated keys: %w", err)
	}
	return append(kinds, KindSecrets), nil
}

// look reads of the copy what the manifest says, and takes secrets out of it.
func look(ctx context.Context, m *Manifest, file string, without bool) (err error) {
	d, err := db.Open(ctx, db.Config{Driver: db.SQLite, Path: file}, zap.NewNop())
	if err != nil {
		return fmt.Errorf("open the copy of the database: %w", err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if m.Epoch, err = sqlstore.New(d).Epoch(ctx); err != nil {
		return err
	}
	list, err := sqlstore.MigrationStatus(ctx, d)
	if err != nil {
		return err
	}
	for _, one := range list {
		if !one.AppliedAt.IsZero() {
			m.Schema = one.Name
		}
	}
	if !without {
		return nil
	}
	nobodys, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), bcrypt.DefaultCost)
	if err != nil {
		return fmt.Errorf("make a hash that no password has: %w", err)
	}
	return d.Forget(ctx, "UPDATE users SET password_hash = '"+string(nobodys)+"'")
}

// write makes the archive and returns the checksum of its bytes.
func (s Source) write(ctx context.Context, m *Manifest, dir, made string, lock Lock) (sum string, err error) {
	h := sha256.New()
	err = writeNew(made, func(w io.Writer) error { return writeArchive(ctx, io.MultiWriter(w, h), lock, m, dir) })
	return hex.EncodeToString(h.Sum(nil)), err
}

func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- one of our names
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// check reads what was written: its bytes, and as a restore would where this process can open it.
func check(ctx context.Context, made, sum string, lock Lock) (err error) {
	f, err := os.Open(made) // #nosec G304 -- one of our names
	if err != nil {
		return fmt.Errorf("read the backup again: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, &until{ctx, f}); err != nil {
		return fmt.Errorf("read the backup again: %w", err)
	}
	if hex.EncodeToString(h.Sum(nil)) != sum {
		return fmt.Errorf("%w: it is not what was written, so the disk is not to be trusted", ErrNotBackup)
	}
	if lock.closed() && len(lock.Identities) == 0 {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the backup again: %w", err)
	}
	_, err = readArchive(ctx, f, lock, "")
	return err
}
