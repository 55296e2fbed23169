package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gochat/gochat/infra/private"
)

const (
	// StageDir is where a restore lays out the new data. It is in the data directory, since files can
	// be moved atomically only within one file system.
	StageDir = ".restore"
	// BeforePrefix begins the names of directories that have the data from before a restore.
	BeforePrefix = "before-restore-"
	newDir       = "new"
	planFile     = "RESTORING"
)

// ErrCut is wrapped when a restore was killed while it moved files: old and new data are mixed.
var ErrCut = errors.New("a restore into this directory was cut off; run gochat restore again, which finishes it")

// plan has the moves of a restore. While its file exists, not all of them are done; they can be repeated
// from the first one at any time.
type plan struct {
	Restored Restored `json:"restored"`
	// Before is the directory, in the data directory, into which Old are moved.
	Before string   `json:"before,omitempty"`
	Old    []string `json:"old"`
	New    []string `json:"new"`
}

// Cut returns ErrCut when a restore into a data directory is not finished.
func Cut(dir string) error {
	_, err := os.Lstat(filepath.Join(dir, planFile))
	switch {
	case err == nil:
		return fmt.Errorf("%w: %s", ErrCut, dir)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("look for a restore that was cut off: %w", err)
}

// Cut is the function of this name.
func (t Target) Cut() error { return Cut(t.Dir) }

// present returns the names in the directory that a restore puts away. It leaves out the file system's own
// lost+found, which cannot be moved, and unfinished files, which a restore removes.
func (t Target) present() (names []string, err error) {
	list, err := os.ReadDir(t.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look into the data directory: %w", err)
	}
	for _, one := range list {
		name := one.Name()
		if name == private.LostFound || one.Type().IsRegular() && private.Unfinished(name) {
			continue
		}
		if name != StageDir && name != planFile && !strings.HasPrefix(name, BeforePrefix) && !slices.Contains(t.Keep, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// plan writes the plan file. From then on a restore that is interrupted has to be finished.
func (t Target) plan(r *Restored) (plan, error) {
	old, err := t.present()
	if err != nil {
		return plan{}, err
	}
	laid, err := os.ReadDir(filepath.Join(t.Dir, StageDir, newDir))
	if err != nil {
		return plan{}, fmt.Errorf("list what is to be restored: %w", err)
	}
	p := plan{Restored: *r, Old: old}
	for _, one := range laid {
		p.New = append(p.New, one.Name())
	}
	if len(old) > 0 {
		p.Before = BeforePrefix + time.Now().UTC().Format("20060102T150405.000Z")
	}
	p.Restored.Before = p.Before
	raw, err := json.Marshal(p)
	if err == nil {
		err = private.Write(filepath.Join(t.Dir, planFile), raw)
	}
	if err != nil {
		return p, fmt.Errorf("write down what is to be moved: %w", err)
	}
	return p, nil
}

// Finish does the rest of a restore that was cut off, and returns nil when there is none.
func (t Target) Finish() (*Restored, error) {
	raw, err := os.ReadFile(filepath.Join(t.Dir, planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing was to be done
	}
	var p plan
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		return nil, fmt.Errorf("read what a restore was to move: %w", err)
	}
	return &p.Restored, t.settle(p)
}

// settle moves all old data away, and then the new data into its place. A move that was done before is
// recognized and skipped.
func (t Target) settle(p plan) error {
	before, laid := filepath.Join(t.Dir, p.Before), filepath.Join(t.Dir, StageDir, newDir)
	if p.Before != "" {
		if err := os.MkdirAll(before, 0o700); err != nil {
			return fmt.Errorf("make a directory for what was there before: %w", err)
		}
	}
	for _, name := range p.Old {
		if _, err := os.Lstat(filepath.Join(before, name)); err == nil {
			continue // it was moved before; a file of this name in the directory is new
		}
		err := os.Rename(filepath.Join(t.Dir, name), filepath.Join(before, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a database's log goes when somebody looks into the database
			return t.giveUp(p, name, err)
		}
	}
	if p.Before != "" {
		if err := errors.Join(private.SyncDir(before), private.SyncDir(t.Dir)); err != nil {
			return fmt.Errorf("put away what was there before: %w", err)
		}
	}
	for _, name := range p.New {
		err := os.Rename(filepath.Join(laid, name), filepath.Join(t.Dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it is in its place already
			return fmt.Errorf("put %s into its place: %w", name, err)
		}
	}
	err := private.SyncDir(t.Dir)
	if err == nil {
		err = os.Remove(filepath.Join(t.Dir, planFile))
	}
	if err == nil {
		err = private.SyncDir(t.Dir)
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(t.Dir, StageDir))
	}
	if err != nil {
		return fmt.Errorf("end the restore: %w", err)
	}
	return nil
}

// giveUp ends a restore that cannot move the old file name away: it moves the other old files back and removes
// the plan. When new data is in its place already, it changes nothing, and the restore has to be finished.
func (t Target) giveUp(p plan, name string, cause error) error {
	before, laid := filepath.Join(t.Dir, p.Before), filepath.Join(t.Dir, StageDir, newDir)
	for _, one := range p.New {
		if _, err := os.Lstat(filepath.Join(laid, one)); err != nil {
			return fmt.Errorf("put away what was there before: %w", cause)
		}
	}
	for _, one := range p.Old {
		if _, err := os.Lstat(filepath.Join(before, one)); err != nil {
			continue // it is in its place
		}
		if err := os.Rename(filepath.Join(before, one), filepath.Join(t.Dir, one)); err != nil {
			return fmt.Errorf("%s could not be put away (%w), and %s could not be put back: %w", name, cause, one, err)
		}
	}
	err := errors.Join(private.SyncDir(before), private.SyncDir(t.Dir))
	if err == nil {
		err = os.Remove(before)
	}
	if err == nil {
		err = os.Remove(filepath.Join(t.Dir, planFile))
	}
	if err == nil {
		err = private.SyncDir(t.Dir)
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(t.Dir, StageDir))
	}
	cause = fmt.Errorf("%s in %s cannot be moved, as where a disk is mounted, or what is in it is another user's: %w; "+
		"nothing was restored, and what was there is in its place: move it out of there, or restore into another directory", name, t.Dir, cause)
	return errors.Join(cause, err)
}
