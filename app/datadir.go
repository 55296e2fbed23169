package app

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/gochat/gochat/infra/private"
	"github.com/gochat/gochat/repo/backup"
)

const (
	// QueueDir is the message log's folder in the data directory.
	QueueDir = "queue"
	// dbFile is the embedded database there.
	dbFile      = "gochat.db"
	secretsFile = "secrets.json"
	lockFile    = "LOCK"
	certsDir    = "certs"
)

// ErrInUse is wrapped by OpenDataDir and TakeDataDir when another process has locked the data directory.
var ErrInUse = errors.New("is in use by another gochat")

// dataDir is the data directory, locked for this process until Close.
type dataDir struct {
	path string
	lock *flock.Flock
}

// OpenDataDir makes the data directory when it is missing, narrows its mode to 0700, and locks it for this
// process. It returns an error that wraps ErrInUse when another process has the directory, private.ErrOpen when
// the directory is not GoChat's alone, and backup.ErrCut when a restore into it was cut off.
func OpenDataDir(path string) (*dataDir, error) {
	d, err := TakeDataDir(path)
	if err != nil {
		return nil, err
	}
	if err := backup.Cut(d.path); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// TakeDataDir is OpenDataDir without the check for a restore that was cut off: it is for a restore, which
// finishes that one.
func TakeDataDir(path string) (*dataDir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", path, err)
	}
	err = private.Dir(abs, QueueDir, certsDir, backup.StageDir, backup.BeforePrefix+"*")
	if errors.Is(err, private.ErrOpen) {
		return nil, fmt.Errorf("the data directory cannot be used: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make the data directory %s (%w); name another one by --data-dir or GOCHAT_DATA_DIR", abs, Cause(err))
	}
	if err := private.Existing(filepath.Join(abs, lockFile)); err != nil {
		return nil, fmt.Errorf("the data directory cannot be used: %w", err)
	}
	lock := flock.New(filepath.Join(abs, lockFile), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cannot write to the data directory %s (%w); name another one by --data-dir or GOCHAT_DATA_DIR", abs, Cause(err))
	}
	if !got {
		return nil, fmt.Errorf("the data directory %s %w; stop it, or name another one by --data-dir or GOCHAT_DATA_DIR", abs, ErrInUse)
	}
	return &dataDir{path: abs, lock: lock}, nil
}

// Cause returns the reason of a file error without the path, for messages that name the path already.
func Cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func (d *dataDir) File(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) Close() error {
	if err := d.lock.Unlock(); err != nil {
		return fmt.Errorf("unlock the data directory: %w", err)
	}
	return nil
}

// secrets are the token keys that a process without auth.keys generates and keeps in secretsFile.
type secrets struct {
	// TokenKeys check tokens, by key id; the one with the id ActiveKey signs new tokens.
	TokenKeys map[string]string `json:"tokenKeys"`
	ActiveKey string            `json:"activeKey"`
}

// secrets reads the generated secrets, or generates them when the file is missing.
func (d *dataDir) secrets() (secrets, error) {
	file := d.File(secretsFile)
	if err := private.Existing(file); err != nil {
		return secrets{}, fmt.Errorf("the generated secrets cannot be used: %w", err)
	}
	if err := private.Settle(file, d.path); err != nil { // tokens are signed with what is found here
		return secrets{}, fmt.Errorf("the generated secrets cannot be used: %w", err)
	}
	raw, err := os.ReadFile(file) //nolint:gosec // our own data directory
	if errors.Is(err, fs.ErrNotExist) {
		return d.makeSecrets(file)
	}
	var s secrets
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err == nil && s.TokenKeys[s.ActiveKey] == "" {
		err = errors.New("it names no active key")
	}
	if err != nil {
		return s, fmt.Errorf("read the generated secrets in %s (%w); when the file is damaged, remove it: everybody has to log in again", file, Cause(err))
	}
	return s, nil
}

func (d *dataDir) makeSecrets(file string) (secrets, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand.Read never fails
	s := secrets{TokenKeys: map[string]string{"k1": base64.RawURLEncoding.EncodeToString(key)}, ActiveKey: "k1"}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return s, fmt.Errorf("encode the secrets: %w", err)
	}
	if err := private.Write(file, raw); err != nil {
		return s, fmt.Errorf("write the generated secrets to %s: %w", file, err)
	}
	return s, nil
}
