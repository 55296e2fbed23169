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
	// Queue writes a dump of the queue's records that were not handled; nil: the queue is elsewhere.
	Queue func(ctx context.Context, w io.Writer) error
	// Secrets is the file of the keys that the process made; a missing file is left out.
	Secrets string
	// Program is the name of this program, for the manifest.
	Program string
}

// Options of a backup.
type Options struct {
	// WithoutSecrets leaves the keys out, and replaces the hashes of passwords by one that no password has.
	WithoutSecrets bool
	Lock           Lock
}

// Create makes a backup in the file out, which must not exist. Everything that was stored or accepted
// before the call is in the backup, and perhaps a part of what comes in meanwhile. On success the file has
// mode 0600, is durable, and was read again and checked. After an error there is no file, unless only its name
// could not be made durable. Meanwhile a directory of parts, as large as the database, is beside it; only a
// killed process leaves it there. An archive that is encrypted for keys which this process does not have is
// checked by its bytes alone.
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

// giveName moves a file to the name out, and does not overwrite a file that has got this name meanwhile.
// Only on a file system without hard links may such a file be overwritten, when it comes between the
// check and the rename.
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

// collect writes the parts. The queue is dumped first: a send that is stored between the two copies is in
// both, and the store finds the duplicate. The other way round such a send would be in neither copy.
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

// look fills in the manifest from the copy of the database and, with without, replaces the hashes of
// passwords in the copy.
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

// check reads the archive again: first its bytes, then, when this process can open it, as a restore does.
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
