package db

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// TestPragmasHold: the driver runs pragmas in an order of its own, and SQLite ignores some of them where they come too
// late.
func TestPragmasHold(t *testing.T) {
	t.Parallel()
	d, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "test.db")}, zap.NewNop())
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()
	for pragma, want := range map[string]string{
		"page_size": "2048", "journal_mode": "wal", "synchronous": "2", "temp_store": "2", "wal_autocheckpoint": "32000", "mmap_size": "268435456",
	} {
		var is string
		require.NoError(t, d.Writer().DB.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&is), pragma)
		assert.Equal(t, want, is, pragma)
	}
}
