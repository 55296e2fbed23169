package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	if hasNoOwnMode {
		return nil // such a system does not open directories
	}
	d, err := os.Open(path) // #nosec G304 -- the operator's directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// SyncAbove makes the name of a file or directory durable, and the names of the directories above it: a loss
// of power takes what was synced in a directory whose own name was not. Even old directories are synced,
// because the process that made them may have been killed before it synced them. A directory that may not be
// opened, or cannot be synced, is left out: this process has made nothing in it.
func SyncAbove(path string) error {
	at, err := filepath.Abs(path)
	for err == nil && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		err = SyncDir(at)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
			err = nil
		}
	}
	return err
}

// Settle makes the contents of files, and the names in directories, durable; a path that does not exist is
// left out. Call it before believing what an earlier process has written: that process may have been killed
// between a write and its sync, and what only the kernel's memory has would be lost with the machine's power,
// after others were told of it. paths must have no file of an open SQLite database but its log: closing a
// file takes away the locks that this process has on it.
func Settle(paths ...string) error {
	if hasNoOwnMode {
		return nil // such a system syncs only what it may write to
	}
	for _, path := range paths {
		f, err := os.Open(path) // #nosec G304 -- the operator's directory
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return fmt.Errorf("make %s durable: %w", path, err)
		}
	}
	return nil
}

// SettleDir settles a directory and every file right in it.
func SettleDir(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the directory %s: %w", dir, err)
	}
	paths := []string{dir}
	for _, one := range list {
		if one.Type().IsRegular() {
			paths = append(paths, filepath.Join(dir, one.Name()))
		}
	}
	return Settle(paths...)
}
