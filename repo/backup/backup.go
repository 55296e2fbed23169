// Package backup makes and reads archives of everything that an embedded GoChat has: the database,
// what is accepted and not stored yet, and the keys that it made. Parts are named by their kind, so
// that an archive outlives the layout of the data directory; a program refuses an archive with a
// kind that it does not know.
package backup

import (
	"errors"
	"fmt"
)

var (
	// ErrNotBackup is wrapped when a file is not a complete backup that this program can read.
	ErrNotBackup = errors.New("this is not a complete backup")
	// ErrLocked is wrapped when a backup is encrypted, and no key was given or the given one does not open it.
	ErrLocked = errors.New("the backup is encrypted: no key was given, or the wrong one")
	// ErrNotLocked is wrapped when a key was given and the backup is not encrypted.
	ErrNotLocked = errors.New("the backup is not encrypted, though it should be")
	// ErrNotEmpty is wrapped when the directory to restore into has data.
	ErrNotEmpty = errors.New("the directory is not empty")
)

// Kinds of parts. After the slash is the format of the part.
const (
	// KindQueue is the queue's own dump of the records that were not handled.
	KindQueue = "queue/records"
	// KindDatabase is a copy of the SQLite file, made after the queue's dump.
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
	// CreatedAt is when the backup began, in Unix milliseconds: everything stored before is in the backup.
	CreatedAt int64  `json:"createdAt"`
	Program   string `json:"program"`
	// Schema is the newest migration of the database.
	Schema string `json:"schema"`
	// Epoch is the epoch of the store; a restored store gets another one.
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

// names are the file names of the parts, by kind, in an archive and when it is unpacked.
var names = map[string]string{KindQueue: "queue.ndjson", KindDatabase: "database.sqlite", KindSecrets: "secrets.json"}

func (m *Manifest) check() error {
	if m.Format != formatName {
		return fmt.Errorf("%w: it is of something else", ErrNotBackup)
	}
	if m.Version != formatVersion {
		return fmt.Errorf("%w of a format that this gochat reads: its format is %d and not %d", ErrNotBackup, m.Version, formatVersion)
	}
	there := map[string]bool{}
	for _, p := range m.Parts {
		if names[p.Kind] == "" || names[p.Kind] != p.Name {
			return fmt.Errorf("%w: its part %q is unknown; a newer gochat has made it", ErrNotBackup, p.Kind)
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
