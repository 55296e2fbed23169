package private

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKeysOnReadOnlyMounts: files on a read-only mount are taken as they are, as in the volumes of
// Kubernetes: nobody could narrow them from here. Another user's file is still refused.
func TestKeysOnReadOnlyMounts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tls.key")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chmod(path, 0o644)) //nolint:gosec // as Kubernetes does
	for errno, want := range map[syscall.Errno]error{syscall.EROFS: nil, syscall.EPERM: ErrOpen} {
		chmod := func(string, fs.FileMode) error { return &fs.PathError{Op: "chmod", Path: path, Err: errno} }
		err := keys(chmod, []string{path})
		if want == nil {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, want)
		assert.ErrorContains(t, err, path)
	}
}
