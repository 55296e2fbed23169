package powerloss

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMountedDisk: operations on files under the mount reach the disk, and after a loss and another mount only
// synced data is there.
func TestMountedDisk(t *testing.T) {
	d, root := NewDisk(), t.TempDir()
	mounted, err := Mount(d, root)
	if err != nil {
		t.Skipf("the tests of GOCHAT_TEST_POWER_LOSSES need to mount a file system by /dev/fuse, as root or with fusermount: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, mounted.Unmount()) })

	dir := filepath.Join(root, "a", "b")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	name := filepath.Join(dir, "file")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString("synced")
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	for _, path := range []string{root, filepath.Join(root, "a"), dir} {
		one, err := os.Open(path)
		require.NoError(t, err)
		require.NoError(t, one.Sync())
		require.NoError(t, one.Close())
	}
	_, err = f.WriteString(" and written")
	require.NoError(t, err)
	require.NoError(t, f.Truncate(100))
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	all, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Equal(t, "synced and written"+string(make([]byte, 82)), string(all))
	require.NoError(t, f.Close())
	other := filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(other, []byte("x"), 0o600))
	require.NoError(t, os.Rename(other, filepath.Join(root, "moved")))
	require.NoError(t, os.Mkdir(other, 0o700))
	require.NoError(t, os.Remove(other))
	require.NoError(t, os.Chmod(name, 0o640))
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	list, err := os.ReadDir(root)
	require.NoError(t, err)
	assert.Len(t, list, 2)

	require.NoError(t, mounted.Unmount())
	d.Lose(nothing())
	mounted, err = Mount(d, root)
	require.NoError(t, err)
	left, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "synced", string(left))
	assert.NoFileExists(t, filepath.Join(root, "moved"))
	assert.NoFileExists(t, other)
}

// nothing returns a source of decisions with which Lose keeps no change that was not synced.
func nothing() *rand.Rand { return rand.New(zero{}) }

type zero struct{}

func (zero) Uint64() uint64 { return 0 }
