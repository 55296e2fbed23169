package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/infra/db"
)

// before returns the migrations that come before one.
func before(t *testing.T, name string) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(migrationFiles, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(file), name) {
			return err
		}
		text, err := fs.ReadFile(migrationFiles, file)
		out[file] = &fstest.MapFile{Data: text}
		return err
	}))
	return out
}

// TestMessagesAreMovedWhole: into the table in the order of ids, also when the migration runs once more
// because it could not be noted, and back.
func TestMessagesAreMovedWhole(t *testing.T) {
	t.Parallel()
	const byID = "20261130030000"
	d, err := db.Open(t.Context(), db.Config{Path: t.TempDir() + "/gochat.db"}, zap.NewNop())
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	_, err = schema{files: before(t, byID), patience: shipped.patience, parts: shipped.parts}.up(t.Context(), d)
	require.NoError(t, err)
	for i := range 500 { // ids and conversations are in no order
		exec(t, d, fmt.Sprintf("INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra)"+
			" VALUES ('c%d', %d, %d, %d, 'm%d', 'text %d', 'text', %d, %s)", i%7, i/7+1, 7919*i%1000, i%5, i, i, i, map[bool]string{true: "NULL", false: "'{}'"}[i%3 == 0]))
	}
	all := func() (out []string) {
		const columns = "message_id, conversation_id, seq_id, sender_id, client_msg_id, content, message_type, created_at, extra"
		rows, err := d.Writer().DB.QueryContext(t.Context(), "SELECT json_array("+columns+") FROM messages ORDER BY message_id")
		require.NoError(t, err)
		require.NoError(t, each(rows, func(rows *sql.Rows) error {
			var line string
			defer func() { out = append(out, line) }()
			return rows.Scan(&line)
		}))
		return out
	}
	want := all()
	require.Len(t, want, 500)

	names, err := Migrate(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, []string{byID}, names)
	assert.Equal(t, want, all())
	exec(t, d, "DELETE FROM "+migrationsTable+" WHERE name = '"+byID+"'")
	_, err = Migrate(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, want, all())
	for _, twice := range []string{"('c0', 1, 5000, 1, 'x'", "('c0', 5000, 5000, 0, 'm0'", "('c0', 5000, 0, 1, 'x'"} {
		_, err := d.Writer().DB.ExecContext(t.Context(), "INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id,"+
			" content, message_type, created_at) VALUES "+twice+", '', 'text', 1)")
		_, taken := db.IsUniqueViolation(err)
		assert.True(t, taken, "%s: %v", twice, err)
	}

	names, err = Rollback(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, []string{byID}, names)
	assert.Equal(t, want, all())
}

// TestACopyIsStopped: after its first part, in which it was told how far it is. The next try begins anew and
// takes what an older program has changed and added meanwhile.
func TestACopyIsStopped(t *testing.T) {
	t.Parallel()
	const byID = "20261130030000"
	ctx, stop := context.WithCancel(t.Context())
	core, told := observer.New(zap.InfoLevel)
	log := zap.New(core, zap.Hooks(func(zapcore.Entry) error { stop(); return nil }))
	d, err := db.Open(t.Context(), db.Config{Path: t.TempDir() + "/gochat.db"}, log)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	_, err = schema{files: before(t, byID), patience: shipped.patience, parts: shipped.parts}.up(t.Context(), d)
	require.NoError(t, err)
	insert := func(id int) string {
		return fmt.Sprintf("INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at)"+
			" VALUES ('c', %d, %d, 1, 'm%d', 'old', 'text', 1)", id, id, id)
	}
	for i := range 50 {
		exec(t, d, insert(10+2*i))
	}
	small := schema{files: migrationFiles, patience: shipped.patience, parts: parts{rows: 7}}
	_, err = small.up(ctx, d)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, told.Len())
	assert.Equal(t, map[string]any{"table": "messages", "rows": int64(7), "of": int64(50)}, told.All()[0].ContextMap())

	exec(t, d, "UPDATE messages SET content = 'new' WHERE message_id = 10", insert(11), insert(1))
	_, err = small.up(t.Context(), d)
	require.NoError(t, err)
	var rows, changed int
	require.NoError(t, d.Writer().DB.QueryRowContext(t.Context(), "SELECT COUNT(*), SUM(content = 'new') FROM messages").Scan(&rows, &changed))
	assert.Equal(t, []int{52, 1}, []int{rows, changed})
}
