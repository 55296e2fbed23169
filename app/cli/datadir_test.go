package cli

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withoutMask clears the umask, which would otherwise hide that the program asks for
// too wide a mode.
func withoutMask(t *testing.T) {
	t.Helper()
	before := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(before) })
}

// assertPrivate asserts that only the owner can read or list anything in a directory.
func assertPrivate(t *testing.T, dir string) {
	t.Helper()
	n := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n++
		info, err := d.Info()
		if err == nil {
			assert.Zero(t, info.Mode().Perm()&0o077, "%s has mode %v", path, info.Mode().Perm())
		}
		return err
	}))
	assert.Greater(t, n, 5, "there is a database and a log")
}

// TestDataIsForItsOwner: after the first start, and after a start on files with wider
// modes (of an earlier version, a restore or a copy), only the owner can read the data.
func TestDataIsForItsOwner(t *testing.T) {
	withoutMask(t)
	dir := filepath.Join(t.TempDir(), "data")
	once := func() {
		b := boot(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0")
		b.waitFor(t, "http://")
		assertPrivate(t, dir)
		b.cancel()
		code := <-b.code
		b.code <- code
		require.Zero(t, code, b.stderr.String())
		assertPrivate(t, dir)
	}
	once()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	}))
	once()
}

// TestDataDirectoryOfOthers: a directory that is not GoChat's alone is neither used
// nor narrowed, and the error says what to do.
func TestDataDirectoryOfOthers(t *testing.T) {
	withoutMask(t)
	for name, c := range map[string]struct {
		mode fs.FileMode
		want string
	}{
		"somebody's home":   {0o755, "name a directory of its own"},
		"shared as /tmp is": {0o777 | fs.ModeSticky, "shared by all users"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "photos"), 0o755))
			require.NoError(t, os.Chmod(dir, c.mode))
			var stdout, stderr syncBuffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			require.Equal(t, 1, run(ctx, []string{"--data-dir", dir, "--gateway-listen", "127.0.0.1:0"}, &stdout, &stderr))
			assert.Contains(t, stderr.String(), dir)
			assert.Contains(t, stderr.String(), c.want)
			info, err := os.Stat(dir)
			require.NoError(t, err)
			assert.Equal(t, c.mode.Perm(), info.Mode().Perm())
		})
	}
}
