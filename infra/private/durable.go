package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// SyncDir makes durable which names a directory has.
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

// SyncAbove makes durable that a file or a directory is there, with the directories above it: when a machine loses its power, nothing
// is left of what was synced in a directory whose own name was not. They are synced however old they are,
// because the process that made them may have been killed before it did that. A directory that may not be
// opened, or does not know how to be synced, is not one in which this process has made something.
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

// Settle makes durable what is in files and which names directories have; what is not there is left out.
// Whoever believes what a process before it has written calls this first: that process may have been killed
// between a write and its sync, and what the kernel has in memory only is gone when the machine loses its
// power, after others were told of it. No file of an open SQLite database may be among them, other
// than its log: closing one takes away the locks that this process has on it.
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
