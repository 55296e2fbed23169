package db_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
)

// TestStatementsAreTold: statements are told with their values, whichever way they are run.
func TestStatementsAreTold(t *testing.T) {
	t.Parallel()
	type statement struct {
		query string
		args  []any
	}
	var heard []statement
	cfg := db.DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "told.db")
	cfg.Told = func(query string, args []any) { heard = append(heard, statement{query, args}) }
	d, err := db.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()

	heard = nil
	pool := d.Writer().DB
	_, err = pool.ExecContext(t.Context(), "CREATE TABLE t (a INT)")
	require.NoError(t, err)
	stmt, err := pool.PrepareContext(t.Context(), "INSERT INTO t (a) VALUES (?)")
	require.NoError(t, err)
	defer func() { assert.NoError(t, stmt.Close()) }()
	_, err = stmt.ExecContext(t.Context(), 1)
	require.NoError(t, err)
	var n int
	require.NoError(t, pool.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t WHERE a = ?", 1).Scan(&n))
	assert.Equal(t, 1, n)
	assert.Equal(t, []statement{
		{"CREATE TABLE t (a INT)", []any{}},
		{"INSERT INTO t (a) VALUES (?)", []any{int64(1)}},
		{"SELECT COUNT(*) FROM t WHERE a = ?", []any{int64(1)}},
	}, heard)
}
