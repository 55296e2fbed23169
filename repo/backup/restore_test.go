package backup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRestoreIntoADiskOfItsOwn: the file system's lost+found stays where it is, and an unfinished file is
// removed.
func TestRestoreIntoADiskOfItsOwn(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "backup")
	_, err := Create(t.Context(), source(t), out, Options{})
	require.NoError(t, err)
	to := target(t.TempDir())
	require.NoError(t, os.Mkdir(filepath.Join(to.Dir, "lost+found"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(to.Dir, ".new-123"), nil, 0o600))
	r, err := to.Restore(t.Context(), out, Lock{})
	require.NoError(t, err)
	assert.Empty(t, r.Before)
	assert.DirExists(t, filepath.Join(to.Dir, "lost+found"))
	assert.NoFileExists(t, filepath.Join(to.Dir, ".new-123"))
}

// TestVacant: files that a restore leaves alone do not count.
func TestVacant(t *testing.T) {
	t.Parallel()
	to := target(filepath.Join(t.TempDir(), "missing"))
	require.NoError(t, to.Vacant())
	require.NoError(t, os.MkdirAll(filepath.Join(to.Dir, StageDir), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(to.Dir, "LOCK"), nil, 0o600))
	require.NoError(t, to.Vacant())
	require.NoError(t, os.Mkdir(filepath.Join(to.Dir, "lost+found"), 0o700), "it is a disk of its own")
	require.NoError(t, to.Vacant())
	require.NoError(t, os.WriteFile(filepath.Join(to.Dir, ".new-123"), nil, 0o600), "a restore was killed when it wrote down its plan")
	require.NoError(t, to.Vacant())
	require.NoError(t, os.WriteFile(filepath.Join(to.Dir, "notes"), nil, 0o600))
	require.ErrorIs(t, to.Vacant(), ErrNotEmpty)
}
