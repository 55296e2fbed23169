package private_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/private"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func TestDir(t *testing.T) {
	for name, c := range map[string]struct {
		mode    fs.FileMode
		inside  string
		want    fs.FileMode
		refused string
	}{
		"private already":          {mode: 0o700, inside: "photos", want: 0o700},
		"stricter":                 {mode: 0o500, want: 0o500},
		"open and empty":           {mode: 0o755, want: 0o700},
		"open, with what is ours":  {mode: 0o777, inside: "queue-1", want: 0o700},
		"open, a disk of its own":  {mode: 0o755, inside: "lost+found", want: 0o700},
		"open, and somebody's":     {mode: 0o755, inside: "photos", want: 0o755, refused: "photos"},
		"shared by all":            {mode: 0o777 | fs.ModeSticky, want: 0o777, refused: "shared"},
		"open to a group to write": {mode: 0o770, want: 0o700},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			require.NoError(t, os.Mkdir(dir, 0o700))
			if c.inside != "" {
				require.NoError(t, os.Mkdir(filepath.Join(dir, c.inside), 0o700))
			}
			require.NoError(t, os.Chmod(dir, c.mode))
			err := private.Dir(dir, "queue*")
			if c.refused != "" {
				require.ErrorIs(t, err, private.ErrOpen)
				require.ErrorContains(t, err, c.refused)
				require.ErrorContains(t, err, dir)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, c.want, mode(t, dir))
		})
	}
	made := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, private.Dir(made))
	assert.Equal(t, fs.FileMode(0o700), mode(t, made))
	assert.Equal(t, fs.FileMode(0o700), mode(t, filepath.Dir(made)))
}

// key narrows one key.
func key(path string) error { return private.Key(path) }

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, private.File(file))
	assert.Equal(t, fs.FileMode(0o600), mode(t, file))

	for name, c := range map[string]struct {
		narrow            func(string) error
		before, afterward fs.FileMode
	}{
		"a file that was there":        {private.File, 0o666, 0o600},
		"one that nobody may write to": {private.File, 0o444, 0o400},
		"all of a directory":           {func(p string) error { return private.Files(filepath.Dir(p)) }, 0o644, 0o600},
		"a key that all may read":      {key, 0o644, 0o640},
		"a key that a group may read":  {key, 0o440, 0o440},
		"a key that a group may write": {key, 0o660, 0o640},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte("kept"), 0o600))
			require.NoError(t, os.Chmod(file, c.before))
			require.NoError(t, c.narrow(file))
			assert.Equal(t, c.afterward, mode(t, file))
			kept, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, "kept", string(kept))
			require.NoError(t, os.Chmod(file, 0o600))
		})
	}
	require.NoError(t, private.Existing(filepath.Join(dir, "nowhere"), ""), "what is not there needs no mode")
}
