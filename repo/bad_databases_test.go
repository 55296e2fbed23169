package repo_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/store"
)

func TestBadDatabasesAreLeftAlone(t *testing.T) {
	t.Parallel()
	t.Run("newer schema", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		fill(t, dir)
		d, err := db.Open(t.Context(), config(dir).DB, zap.NewNop())
		require.NoError(t, err)
		_, err = d.Writer().DB.ExecContext(t.Context(), "INSERT INTO schema_breaks (name) VALUES ('29990101000000')")
		require.NoError(t, err)
		require.NoError(t, d.Close())
		before, err := os.ReadFile(config(dir).DB.Path)
		require.NoError(t, err)
		_, err = repo.Open(t.Context(), config(dir), zap.NewNop())
		require.ErrorIs(t, err, store.ErrNewerSchema)
		after, err := os.ReadFile(config(dir).DB.Path)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(before, after))
	})
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		fill(t, dir)
		path := config(dir).DB.Path
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, whole[:len(whole)/2], 0o600))
		_, err = repo.Open(t.Context(), config(dir), zap.NewNop())
		require.ErrorIs(t, err, db.ErrDamaged)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(whole[:len(whole)/2], after))
	})
}
