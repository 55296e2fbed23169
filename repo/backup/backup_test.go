package backup

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhatIsBackedUpComesBack: all parts, whatever the archive is locked with.
func TestWhatIsBackedUpComesBack(t *testing.T) {
	t.Parallel()
	public, private := keyPair(t)
	word := passphrase(t, "a long passphrase")
	for name, c := range map[string]struct{ lock, key Lock }{
		"plain": {}, "passphrase": {word, word}, "public key": {public, private},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := source(t)
			out := filepath.Join(t.TempDir(), "backup")
			m, err := Create(t.Context(), s, out, Options{Lock: c.lock})
			require.NoError(t, err)
			info, err := os.Stat(out)
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
			beside, err := os.ReadDir(filepath.Dir(out))
			require.NoError(t, err)
			assert.Len(t, beside, 1, "nothing is left beside it")
			raw, err := os.ReadFile(out)
			require.NoError(t, err)
			assert.False(t, bytes.Contains(raw, []byte(formatName)))

			to := target(t.TempDir())
			r, err := to.Restore(t.Context(), out, c.key)
			require.NoError(t, err)
			epoch, users, hashes := epochAndUsers(t, filepath.Join(to.Dir, "gochat.db"))
			assert.Equal(t, []int{20, 20}, []int{users, hashes})
			assert.Equal(t, r.NewEpoch, epoch)
			assert.NotEqual(t, m.Epoch, epoch)
			assert.Equal(t, dump, content(t, to.Dir, "queue/log"))
			assert.Equal(t, keys, content(t, to.Dir, "secrets.json"))
			assert.Empty(t, r.Before)
			require.NoError(t, Cut(to.Dir))

			_, err = Create(t.Context(), s, out, Options{})
			require.ErrorIs(t, err, fs.ErrExist)
		})
	}
}

// TestWithoutSecrets: neither a key nor the hash of a password is in any byte of what is restored.
func TestWithoutSecrets(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "backup")
	_, err := Create(t.Context(), source(t), out, Options{WithoutSecrets: true})
	require.NoError(t, err)
	f, err := os.Open(out)
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	parts := t.TempDir()
	_, err = readArchive(t.Context(), f, Lock{}, parts)
	require.NoError(t, err)
	assert.NotContains(t, content(t, parts, "database.sqlite"), hash[:20])
	assert.NoFileExists(t, filepath.Join(parts, "secrets.json"))
	to := target(t.TempDir())
	_, err = to.Restore(t.Context(), out, Lock{})
	require.NoError(t, err)
	_, users, hashes := epochAndUsers(t, filepath.Join(to.Dir, "gochat.db"))
	assert.Equal(t, []int{20, 0}, []int{users, hashes})
}

// TestABackupTakesNobodysName: a file that came while the backup was made stays.
func TestABackupTakesNobodysName(t *testing.T) {
	t.Parallel()
	s, out := source(t), filepath.Join(t.TempDir(), "backup")
	s.Queue = func(context.Context, io.Writer) error { return os.WriteFile(out, []byte("another"), 0o600) }
	_, err := Create(t.Context(), s, out, Options{})
	require.ErrorIs(t, err, fs.ErrExist)
	assert.Equal(t, "another", content(t, out))
}
