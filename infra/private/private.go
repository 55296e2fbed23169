// Package private keeps files and directories for the user that runs the process, so that no other account on
// the machine reads a message, a hash or a key.
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// ErrOpen says that something is open to other users of the machine and could not be
// narrowed; the error's text says what to do.
var ErrOpen = errors.New("it is open to other users of this machine")

const (
	others       = fs.FileMode(0o077) // rights of the group and of everybody else
	beyondGroup  = fs.FileMode(0o037) // all rights of others but the group's reading
	directory    = fs.FileMode(0o700)
	file         = fs.FileMode(0o600)
	hasNoOwnMode = runtime.GOOS == "windows"
	unfinished   = ".new-" // begins the names of files that are being written
)

// LostFound is the file system's own directory at the root of a disk. It belongs to root and has nobody's
// data.
const LostFound = "lost+found"

// Unfinished reports whether name is one of Write's temporary files. A killed Write leaves its file; a
// process that alone writes to the directory may remove it.
func Unfinished(name string) bool { return strings.HasPrefix(name, unfinished) }

// Dir makes a directory of mode 0700 when it is missing, with those above it, durably. An existing one that
// is open to others is narrowed. The error wraps ErrOpen when Dir must not or cannot narrow it: it belongs to
// another user, is shared by all (as /tmp is), or has directories in it whose names match none of ours, so
// that it is somebody's home rather than a program's own. The names in ours are patterns of filepath.Match.
func Dir(path string, ours ...string) error {
	if err := os.MkdirAll(path, directory); err != nil {
		return fmt.Errorf("make the directory %s: %w", path, err)
	}
	if err := SyncAbove(path); err != nil {
		return fmt.Errorf("make the directory %s durable: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at the directory %s: %w", path, err)
	}
	if hasNoOwnMode || info.Mode()&others == 0 {
		return nil
	}
	if info.Mode()&fs.ModeSticky != 0 {
		return refuse(path, info, "it is shared by all users; name a directory of its own")
	}
	stranger, err := foreign(path, ours)
	if err != nil {
		return err
	}
	if stranger != "" {
		return refuse(path, info, fmt.Sprintf("it holds %s, which is not GoChat's; name a directory of its own, or set this one's mode to 0700", stranger))
	}
	return narrow(path, info, directory, others, os.Chmod)
}

// foreign returns the name of a directory in path that matches none of ours; empty: there is none.
func foreign(path string, ours []string) (string, error) {
	list, err := os.ReadDir(path)
	if err != nil {
		return "", fmt.Errorf("look into the directory %s: %w", path, err)
	}
	for _, one := range list {
		known := func(pattern string) bool {
			match, err := filepath.Match(pattern, one.Name())
			return err == nil && match
		}
		if one.IsDir() && one.Name() != LostFound && !slices.ContainsFunc(ours, known) {
			return one.Name(), nil
		}
	}
	return "", nil
}

// File makes an empty file of mode 0600 when it is missing. An existing one that is open to others is
// narrowed; the error wraps ErrOpen when it belongs to another user. Processes that have the file open
// already keep it.
func File(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, file) // #nosec G304 -- the operator's directory
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the file %s: %w", path, err)
	}
	return Existing(path)
}

// Write makes or replaces a file of mode 0600, durably: at any moment, a crash leaves either the earlier file
// or all of data.
func Write(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), unfinished+"*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already after the rename
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	return err
}

// Existing narrows each of the files that is wider than 0600; missing ones are left out. The error wraps
// ErrOpen when one belongs to another user.
func Existing(paths ...string) error {
	return each(paths, others, os.Chmod)
}

// Key narrows the file of a key that an operator provides: a group may read it, everybody else may not. A
// missing file is no error here. A file on a read-only file system is left as it is: it was mounted for this
// process, as the secrets of Kubernetes are, whose files are 0644. The error wraps ErrOpen when the file
// belongs to another user.
func Key(paths ...string) error {
	return keys(os.Chmod, paths)
}

func keys(chmod func(string, fs.FileMode) error, paths []string) error {
	return each(paths, beyondGroup, func(path string, mode fs.FileMode) error {
		if err := chmod(path, mode); !errors.Is(err, syscall.EROFS) {
			return err
		}
		return nil
	})
}

// Files narrows every file right in a directory, as Existing does.
func Files(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the directory %s: %w", dir, err)
	}
	var paths []string
	for _, one := range list {
		if one.Type().IsRegular() {
			paths = append(paths, filepath.Join(dir, one.Name()))
		}
	}
	return Existing(paths...)
}

func each(paths []string, tooWide fs.FileMode, chmod func(string, fs.FileMode) error) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		if path == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at the file %s: %w", path, err)
		}
		if hasNoOwnMode || !info.Mode().IsRegular() || info.Mode()&tooWide == 0 {
			continue
		}
		if err := narrow(path, info, info.Mode().Perm()&^tooWide, tooWide, chmod); err != nil {
			return err
		}
	}
	return nil
}

func narrow(path string, info fs.FileInfo, mode, tooWide fs.FileMode, chmod func(string, fs.FileMode) error) error {
	err := chmod(path, mode)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist): // whoever removed it needs no mode
		return nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return refuse(path, info, fmt.Sprintf("it cannot be narrowed from here; let its owner take the rights %04o from it", info.Mode().Perm()&tooWide))
	}
	return fmt.Errorf("narrow %s: %w", path, err)
}

func refuse(path string, info fs.FileInfo, todo string) error {
	return fmt.Errorf("%s has mode %04o: %w, and %s", path, info.Mode().Perm(), ErrOpen, todo)
}
