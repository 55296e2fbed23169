package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// TestReindex: the command brings in what the index does not have.
func TestReindex(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr syncBuffer
	require.Equal(t, 1, run(t.Context(), []string{"search", "reindex", "--data-dir", dir}, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "there is no store")
	require.Equal(t, 2, run(t.Context(), []string{"search", "--data-dir", dir}, &stdout, &stderr))

	require.Zero(t, run(t.Context(), []string{"migrate", "up", "--data-dir", dir}, &stdout, &stderr), stderr.String())
	d, err := db.Open(t.Context(), db.Config{Path: filepath.Join(dir, "gochat.db")}, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	_, done, err := sqlstore.New(d).Backfill(t.Context(), 10)
	require.NoError(t, err)
	require.True(t, done, "there was nothing to do at the first start")
	for _, query := range []string{
		"INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at)" +
			" VALUES ('world', 1, 1, 1, 'a', 'hello', 'text', 1), ('world', 65, 2, 1, 'b', 'hello', 'text', 1)",
		"UPDATE conversations SET last_seq = 65 WHERE conversation_id = 'world'",
	} {
		_, err = d.Writer().DB.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	for range 2 {
		require.Zero(t, run(t.Context(), []string{"search", "reindex", "--data-dir", dir}, &stdout, &stderr), stderr.String())
		assert.Contains(t, stdout.String(), "done: 2 blocks")
		var rows int
		require.NoError(t, d.Primary().DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM search_blocks WHERE length(grams) > 1").Scan(&rows))
		assert.Equal(t, 2, rows)
	}
}
