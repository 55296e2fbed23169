package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const (
	hash = "$2a$10$averysecrethashofapassword"
	dump = "what the queue holds"
	keys = "the keys"
)

// source is a data directory with something in it.
func source(t *testing.T) Source {
	t.Helper()
	dir := t.TempDir()
	d, err := db.Open(t.Context(), db.Config{Path: filepath.Join(dir, "gochat.db")}, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	_, err = sqlstore.Migrate(t.Context(), d)
	require.NoError(t, err)
	for i := range 20 {
		_, err = d.Writer().DB.ExecContext(t.Context(), "INSERT INTO users (user_id, username, username_key, nickname, avatar_url, password_hash, created_at)"+
			" VALUES (?, ?, ?, 'Ann', '', ?, 1)", i+1, fmt.Sprint("ann", i), fmt.Sprint("ann", i), hash)
		require.NoError(t, err)
	}
	secrets := filepath.Join(dir, "secrets.json")
	require.NoError(t, os.WriteFile(secrets, []byte(keys), 0o600))
	return Source{DB: d, Secrets: secrets, Program: "test", Queue: func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, dump)
		return err
	}}
}

func target(dir string) Target {
	return Target{Dir: dir, Database: "gochat.db", Queue: "queue", Secrets: "secrets.json", Keep: []string{"LOCK"},
		LoadQueue: func(_ context.Context, dir string, r io.Reader) error {
			raw, err := io.ReadAll(r)
			return errors.Join(err, os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "log"), raw, 0o600))
		}}
}

// epochAndUsers reads a restored database.
func epochAndUsers(t *testing.T, path string) (epoch string, users int, hashes int) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{Path: path}, zap.NewNop())
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()
	epoch, err = sqlstore.New(d).Epoch(t.Context())
	require.NoError(t, err)
	require.NoError(t, d.Primary().DB.QueryRowContext(t.Context(), "SELECT COUNT(*), SUM(password_hash = ?) FROM users", hash).Scan(&users, &hashes))
	return epoch, users, hashes
}

func passphrase(t *testing.T, word string) Lock {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passphrase")
	require.NoError(t, os.WriteFile(file, []byte(word+"\n"), 0o600))
	l, err := Passphrase(file)
	require.NoError(t, err)
	for _, r := range l.Recipients {
		r.(*age.ScryptRecipient).SetWorkFactor(10) //nolint:forcetypeassert // made above; it is not what is tested
	}
	return l
}

// keyPair is a lock of a public key, and what opens it.
func keyPair(t *testing.T) (public, private Lock) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	public, err = Recipients([]string{id.Recipient().String()})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(file, []byte("# made for a test\n"+id.String()+"\n"), 0o600))
	private, err = Identities(file)
	require.NoError(t, err)
	return public, private
}

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

func content(t *testing.T, parts ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(parts...))
	require.NoError(t, err)
	return string(raw)
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

// TestBackupsThatCannotBeUsed: they are refused, and the directory is as it was.
func TestBackupsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
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
	cases := map[string]struct {
		raw  []byte
		lock Lock
		want error
	}{
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
		cases[fmt.Sprint("cut off at ", at)] = struct {
			raw  []byte
			lock Lock
			want error
		}{plain[:at], Lock{}, ErrNotBackup}
		cases[fmt.Sprint("changed at ", at)] = struct {
			raw  []byte
			lock Lock
			want error
		}{flip(plain, at), Lock{}, ErrNotBackup}
	}
	for name, c := range cases {
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

// TestABackupTakesNobodysName: a file that came while the backup was made stays.
func TestABackupTakesNobodysName(t *testing.T) {
	t.Parallel()
	s, out := source(t), filepath.Join(t.TempDir(), "backup")
	s.Queue = func(context.Context, io.Writer) error { return os.WriteFile(out, []byte("another"), 0o600) }
	_, err := Create(t.Context(), s, out, Options{})
	require.ErrorIs(t, err, fs.ErrExist)
	assert.Equal(t, "another", content(t, out))
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

// TestRestoreThatIsKilled: a restore that was killed after any number of its moves is reported as cut off,
// and Finish ends it by repeating all moves; all of the old data is put away.
func TestRestoreThatIsKilled(t *testing.T) {
	t.Parallel()
	old := map[string]string{"gochat.db": "old", "gochat.db-wal": "old", "queue": "old", "notes": "old"}
	fresh := map[string]string{"gochat.db": "new", "queue": "new", "secrets.json": "new"}
	for killed := 0; killed <= len(old)+len(fresh); killed++ {
		to := target(t.TempDir())
		laid := filepath.Join(to.Dir, StageDir, newDir)
		require.NoError(t, os.MkdirAll(laid, 0o700))
		write := func(dir string, files map[string]string) {
			for name, text := range files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
		}
		write(to.Dir, old)
		write(to.Dir, map[string]string{"LOCK": ""})
		write(laid, fresh)
		require.NoError(t, Cut(to.Dir), "before it moves, what is there is whole")
		p, err := to.plan(&Restored{NewEpoch: "e2"})
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(to.Dir, p.Before), 0o700))
		for n := range killed { // as settle does
			if n < len(p.Old) {
				require.NoError(t, os.Rename(filepath.Join(to.Dir, p.Old[n]), filepath.Join(to.Dir, p.Before, p.Old[n])))
				continue
			}
			name := p.New[n-len(p.Old)]
			require.NoError(t, os.Rename(filepath.Join(laid, name), filepath.Join(to.Dir, name)))
		}
		require.ErrorIs(t, Cut(to.Dir), ErrCut)
		r, err := to.Finish()
		require.NoError(t, err)
		assert.Equal(t, &Restored{NewEpoch: "e2", Before: p.Before}, r)
		require.NoError(t, Cut(to.Dir))
		for name := range fresh {
			assert.Equal(t, "new", content(t, to.Dir, name), "after %d moves", killed)
		}
		for name := range old {
			assert.Equal(t, "old", content(t, to.Dir, p.Before, name), "after %d moves", killed)
		}
		list, err := os.ReadDir(to.Dir)
		require.NoError(t, err)
		assert.Len(t, list, len(fresh)+2, "and the lock, and what was before")
		r, err = to.Finish()
		require.NoError(t, err)
		assert.Nil(t, r)
	}
}

// TestRestoreThatIsKilledAndLookedAt: an old file that is gone before it is put away does not keep the
// restore from being finished.
func TestRestoreThatIsKilledAndLookedAt(t *testing.T) {
	t.Parallel()
	to := target(t.TempDir())
	laid := filepath.Join(to.Dir, StageDir, newDir)
	require.NoError(t, os.MkdirAll(laid, 0o700))
	for _, file := range []string{filepath.Join(to.Dir, "gochat.db"), filepath.Join(to.Dir, "gochat.db-wal"), filepath.Join(laid, "gochat.db")} {
		require.NoError(t, os.WriteFile(file, []byte(filepath.Dir(file)), 0o600))
	}
	p, err := to.plan(&Restored{NewEpoch: "e2"})
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(to.Dir, "gochat.db-wal")))
	_, err = to.Finish()
	require.NoError(t, err)
	require.NoError(t, to.Cut())
	assert.Equal(t, laid, content(t, to.Dir, "gochat.db"))
	assert.Equal(t, to.Dir, content(t, to.Dir, p.Before, "gochat.db"))
}

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

// TestWhatCannotBePutAway: a restore that cannot move all that is there, as where a disk is mounted, gives up
// with everything in its place, and may be begun again. Once something new is in its place it is only finished.
func TestWhatCannotBePutAway(t *testing.T) {
	t.Parallel()
	stays := strings.Repeat("x", 300) // no file system takes such a name
	for name, c := range map[string]struct {
		moved []string // within the stage
		cut   bool
	}{"nothing is new yet": {nil, false}, "something is new": {[]string{"queue"}, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := target(t.TempDir())
			laid := filepath.Join(to.Dir, StageDir, newDir)
			require.NoError(t, os.MkdirAll(laid, 0o700))
			for _, file := range []string{filepath.Join(to.Dir, "gochat.db"), filepath.Join(to.Dir, "notes"), filepath.Join(laid, "gochat.db"), filepath.Join(laid, "queue")} {
				require.NoError(t, os.WriteFile(file, []byte(filepath.Dir(file)), 0o600))
			}
			p, err := to.plan(&Restored{NewEpoch: "e2"})
			require.NoError(t, err)
			p.Old = append(p.Old, stays)
			raw, err := json.Marshal(p)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(to.Dir, planFile), raw, 0o600))
			for _, one := range c.moved {
				require.NoError(t, os.Rename(filepath.Join(laid, one), filepath.Join(to.Dir, one)))
			}
			_, err = to.Finish()
			require.ErrorContains(t, err, stays)
			if c.cut {
				require.ErrorIs(t, to.Cut(), ErrCut)
				assert.Equal(t, to.Dir, content(t, to.Dir, p.Before, "gochat.db"))
				return
			}
			require.NoError(t, to.Cut())
			list, err := os.ReadDir(to.Dir)
			require.NoError(t, err)
			assert.Len(t, list, 2, "what was there, and nothing else")
			assert.Equal(t, to.Dir, content(t, to.Dir, "gochat.db"))
			assert.Equal(t, to.Dir, content(t, to.Dir, "notes"))
		})
	}
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
