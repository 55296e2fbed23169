// Package backup makes and reads archives of everything that an embedded GoChat has: the database,
// what is accepted and not stored yet, and the keys that it made. Parts are named by their kind, so
// that an archive outlives the layout of the data directory; whoever reads one refuses what it
// does not know.
package backup

import (
	"errors"
	"fmt"
)

var (
	// ErrNotBackup is wrapped when a file is no whole backup that this program reads.
	ErrNotBackup = errors.New("this is no whole backup")
	// ErrLocked is wrapped when a backup is encrypted and the key that was given, or none, does not open it.
	ErrLocked = errors.New("the backup is encrypted, and cannot be opened with what was given")
	// ErrNotLocked is wrapped when a key was given and the backup is not encrypted.
	ErrNotLocked = errors.New("the backup is not encrypted, though it should be")
	// ErrNotEmpty is wrapped when the directory to restore into has data.
	ErrNotEmpty = errors.New("the directory is not empty")
)

// Kinds of parts. The word behind the stroke is how the part is written.
const (
	// KindQueue is what the message queue holds that was not handled, by its own dump.
	KindQueue = "queue/records"
	// KindDatabase is a file of SQLite, as of a moment after the queue's.
	KindDatabase = "database/sqlite"
	// KindSecrets is the keys that a process made for itself.
	KindSecrets = "secrets/json"
)

const (
	formatName    = "gochat-backup"
	formatVersion = 1
	manifestName  = "manifest.json"
	maxManifest   = 1 << 20
)

// Manifest is the first thing in an archive.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// CreatedAt is when the backup began, in Unix milliseconds: what was stored before is in it.
	CreatedAt int64  `json:"createdAt"`
	Program   string `json:"program"`
	// Schema is the newest migration of the database.
	Schema string `json:"schema"`
	// Epoch is the store's; a restore gives it another one.
	Epoch string `json:"epoch"`
	// WithoutSecrets: hashes of passwords and keys were left out.
	WithoutSecrets bool   `json:"withoutSecrets"`
	Parts          []Part `json:"parts"`
}

// Part is one member of the archive.
type Part struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// names are those that the parts have in an archive, and when they are laid out.
var names = map[string]string{KindQueue: "queue.ndjson", KindDatabase: "database.sqlite", KindSecrets: "secrets.json"}

func (m *Manifest) check() error {
	if m.Format != formatName {
		return fmt.Errorf("%w: it is of something else", ErrNotBackup)
	}
	if m.Version != formatVersion {
		return fmt.Errorf("%w that this gochat reads: it has format %d, and this gochat reads %d", ErrNotBackup, m.Version, formatVersion)
	}
	there := map[string]bool{}
	for _, p := range m.Parts {
		if names[p.Kind] == "" || names[p.Kind] != p.Name {
			return fmt.Errorf("%w that this gochat reads: it has a part %q, which a newer one has made", ErrNotBackup, p.Kind)
		}
		if there[p.Kind] || p.Bytes < 0 {
			return fmt.Errorf("%w: its list of parts makes no sense", ErrNotBackup)
		}
		there[p.Kind] = true
	}
	if !there[KindDatabase] {
		return fmt.Errorf("%w: it has no database", ErrNotBackup)
	}
	return nil
}
