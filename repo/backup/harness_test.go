package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
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

func content(t *testing.T, parts ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(parts...))
	require.NoError(t, err)
	return string(raw)
}
