package backup

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unusable is a file, how it is opened, and the error that is expected.
type unusable struct {
	raw  []byte
	lock Lock
	want error
}

func unusableBackups(t *testing.T) map[string]unusable {
	t.Helper()
	public, _ := keyPair(t)
	_, otherPrivate := keyPair(t)
	word := passphrase(t, "a long passphrase")
	made := func(o Options) []byte {
		out := filepath.Join(t.TempDir(), "backup")
		_, err := Create(t.Context(), source(t), out, o)
		require.NoError(t, err)
		raw, err := os.ReadFile(out)
		require.NoError(t, err)
		return raw
	}
	plain, locked, sealed := made(Options{}), made(Options{Lock: word}), made(Options{Lock: public})
	flip := func(raw []byte, at int) []byte {
		raw = bytes.Clone(raw)
		raw[at] ^= 1
		return raw
	}
	cases := map[string]unusable{
		"nothing":              {nil, Lock{}, ErrNotBackup},
		"something else":       {[]byte("PK\x03\x04 something else, and long enough"), Lock{}, ErrNotBackup},
		"no key":               {locked, Lock{}, ErrLocked},
		"another passphrase":   {locked, passphrase(t, "another one"), ErrLocked},
		"another key":          {sealed, otherPrivate, ErrLocked},
		"a part of a newer":    {edited(t, plain, func(m *Manifest) { m.Parts[0].Kind = "queue/crystal" }), Lock{}, ErrNotBackup},
		"a format of a newer":  {edited(t, plain, func(m *Manifest) { m.Version++ }), Lock{}, ErrNotBackup},
		"a part too many":      {edited(t, plain, func(m *Manifest) { m.Parts = m.Parts[:2] }), Lock{}, ErrNotBackup},
		"no database":          {edited(t, plain, func(m *Manifest) { m.Parts = m.Parts[:1] }), Lock{}, ErrNotBackup},
		"another checksum":     {edited(t, plain, func(m *Manifest) { m.Parts[2].SHA256 = "00" }), Lock{}, ErrNotBackup},
		"a name of a way out":  {edited(t, plain, func(m *Manifest) { m.Parts[0].Name = "../queue.ndjson" }), Lock{}, ErrNotBackup},
		"not locked":           {plain, word, ErrNotLocked},
		"one that goes on":     {append(bytes.Clone(plain), zeros(t, 64<<20)...), Lock{}, ErrNotBackup},
		"a locked one cut off": {locked[:len(locked)-1], word, ErrNotBackup},
		"a locked one changed": {flip(locked, len(locked)-100), word, ErrNotBackup},
	}
	for n := 1; n < 20; n++ {
		at := len(plain) * n / 20
		cases[fmt.Sprint("cut off at ", at)] = unusable{plain[:at], Lock{}, ErrNotBackup}
		cases[fmt.Sprint("changed at ", at)] = unusable{flip(plain, at), Lock{}, ErrNotBackup}
	}
	return cases
}

// TestBackupsThatCannotBeUsed: they are refused, and the directory is as it was.
func TestBackupsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, c := range unusableBackups(t) {
		file := filepath.Join(t.TempDir(), "backup")
		require.NoError(t, os.WriteFile(file, c.raw, 0o600))
		to := target(t.TempDir())
		require.NoError(t, os.WriteFile(filepath.Join(to.Dir, "gochat.db"), []byte("old"), 0o600))
		_, err := to.Restore(t.Context(), file, c.lock)
		require.ErrorIs(t, err, c.want, name)
		assert.NotContains(t, err.Error(), "%!", name)
		list, err := os.ReadDir(to.Dir)
		require.NoError(t, err)
		assert.Len(t, list, 1, name)
		assert.Equal(t, "old", content(t, to.Dir, "gochat.db"), name)
	}
}

// zeros are so many of them, compressed.
func zeros(t *testing.T, n int) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return z.EncodeAll(make([]byte, n), nil)
}

// edited is a plain archive with another manifest and the same parts.
func edited(t *testing.T, plain []byte, edit func(*Manifest)) []byte {
	t.Helper()
	in, closed, err := Lock{}.open(bytes.NewReader(plain))
	require.NoError(t, err)
	defer closed()
	var out bytes.Buffer
	z, err := Lock{}.seal(&out)
	require.NoError(t, err)
	from, to := tar.NewReader(in), tar.NewWriter(z)
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		raw, err := io.ReadAll(from)
		require.NoError(t, err)
		if h.Name == manifestName {
			var m Manifest
			require.NoError(t, json.Unmarshal(raw, &m))
			edit(&m)
			raw, err = json.Marshal(m)
			require.NoError(t, err)
			h.Size = int64(len(raw))
		}
		require.NoError(t, to.WriteHeader(h))
		_, err = to.Write(raw)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(to.Close(), z.Close()))
	return out.Bytes()
}
