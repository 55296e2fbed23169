package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func TestEpochNew(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr syncBuffer
	require.Equal(t, 1, run(t.Context(), []string{"epoch", "new", "--data-dir", dir}, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "there is no store")
	require.Equal(t, 2, run(t.Context(), []string{"epoch"}, &stdout, &stderr))
	require.Zero(t, run(t.Context(), []string{"migrate", "up", "--data-dir", dir}, &stdout, &stderr), stderr.String())
	read := func() string {
		d, err := db.Open(t.Context(), db.Config{Path: filepath.Join(dir, "gochat.db")}, zap.NewNop())
		require.NoError(t, err)
		defer func() { assert.NoError(t, d.Close()) }()
		epoch, err := sqlstore.New(d).Epoch(t.Context())
		require.NoError(t, err)
		return epoch
	}
	running, err := app.OpenDataDir(dir)
	require.NoError(t, err)
	inUse := read()
	for _, words := range [][]string{{"epoch", "new"}, {"migrate", "down", "--yes"}} {
		stderr = syncBuffer{}
		assert.Equal(t, 1, run(t.Context(), append(words, "--data-dir", dir), &stdout, &stderr), words)
		assert.Contains(t, stderr.String(), "is in use by another gochat; stop it", words)
	}
	assert.Equal(t, inUse, read(), "nothing was changed")
	require.NoError(t, running.Close())

	before := read()
	require.NotEmpty(t, before, "it is made with the schema")
	require.Zero(t, run(t.Context(), []string{"epoch", "new", "--data-dir", dir}, &stdout, &stderr), stderr.String())
	after := read()
	assert.NotEqual(t, before, after)
	assert.Contains(t, stdout.String(), after)
}
