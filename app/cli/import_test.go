package cli

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestImportIntoTheWrongDatabase: an import into a database that is in use is refused before its schema is changed
// and before its cache is emptied. Nothing listens at the cache's address here, so emptying it would fail.
func TestImportIntoTheWrongDatabase(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	empty, wrong, out, settings := filepath.Join(base, "empty"), filepath.Join(base, "wrong"), filepath.Join(base, "out"), filepath.Join(base, "settings.yaml")
	done(t, "migrate", "up", "--data-dir", empty)
	done(t, "export", "--data-dir", empty, "--out", out)
	require.NoError(t, os.WriteFile(settings, []byte("kv:\n  addrs: [127.0.0.1:1]\n"), 0o600))
	require.NoError(t, os.Mkdir(wrong, 0o700))
	d, err := sql.Open("sqlite", filepath.Join(wrong, "gochat.db"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()
	for _, query := range []string{"CREATE TABLE users (user_id BIGINT)", "INSERT INTO users VALUES (1)"} {
		_, err = d.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	assert.Contains(t, refused(t, "import", "--from", out, "--data-dir", wrong, "--config", settings), "the database is not empty: there are rows in users")
	var tables int
	require.NoError(t, d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'").Scan(&tables))
	assert.Equal(t, 1, tables, "its schema is as it was")
}
