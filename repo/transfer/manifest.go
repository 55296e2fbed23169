package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// ManifestFile describes an export. It is written last: without it the export is incomplete.
	ManifestFile = "manifest.json"
	formatName   = "gochat-export"
	// formatVersion is the version of the manifest's and the lines' format, not of the tables' columns.
	formatVersion = 1
)

// Manifest describes an export.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// ID tells exports apart.
	ID        string `json:"id"`
	CreatedAt int64  `json:"createdAt"` // Unix milliseconds
	Program   string `json:"program"`
	// Source is the kind of the exported database.
	Source string `json:"source"`
	Tables []Part `json:"tables"`
}

// Part describes one table of an export.
type Part struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	// Sum is a checksum of all rows that does not depend on their order; see rowSum.
	Sum string `json:"sum"`
	// Bytes and SHA256 are the size and the hash of the table's file.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Rows returns the number of rows in all tables.
func (m *Manifest) Rows() (n int64) {
	for _, p := range m.Tables {
		n += p.Rows
	}
	return n
}

func (p Part) file() string { return p.Name + ".ndjson" }

// ReadManifest reads and checks the manifest of an export. ErrNotExport.
func ReadManifest(dir string) (*Manifest, error) {
	raw, err := readBounded(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no %s; an export that was interrupted has to be made anew", ErrNotExport, dir, ManifestFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest of the export: %w", err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("%w: its manifest cannot be read: %w", ErrNotExport, err)
	}
	if m.Format != formatName || m.ID == "" {
		return nil, fmt.Errorf("%w: its manifest is of something else", ErrNotExport)
	}
	if m.Version != formatVersion {
		return nil, fmt.Errorf("%w of a format that this gochat reads: its format is %d and not %d", ErrNotExport, m.Version, formatVersion)
	}
	for _, p := range m.Tables {
		if _, known := tableNamed(p.Name); !known {
			return nil, fmt.Errorf("%w: its table %q is unknown; a newer gochat has exported it", ErrNotExport, p.Name)
		}
	}
	return m, nil
}

// maxManifest is more than any manifest has, in bytes.
const maxManifest = 1 << 20

func readBounded(path string) (raw []byte, err error) {
	f, err := os.Open(path) // #nosec G304 -- the operator's directory
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	raw, err = io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(raw) > maxManifest {
		err = fmt.Errorf("%w: it has more than %d bytes", ErrNotExport, maxManifest)
	}
	return raw, err
}

// checkFiles reads all files of an export, and returns ErrNotExport when one is not as in the manifest.
func (m *Manifest) checkFiles(dir string) error {
	for _, p := range m.Tables {
		sum, n, err := hashFile(filepath.Join(dir, p.file()))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotExport, err)
		}
		if n != p.Bytes || sum != p.SHA256 {
			return fmt.Errorf("%w: %s is not as it was written: %d bytes of %d, or others", ErrNotExport, p.file(), n, p.Bytes)
		}
	}
	return nil
}

func hashFile(path string) (sum string, n int64, err error) {
	f, err := os.Open(path) // #nosec G304 -- the operator's directory
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	n, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}
