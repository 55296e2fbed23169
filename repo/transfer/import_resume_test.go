package transfer

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
)

// errStop ends an import in its middle.
var errStop = errors.New("stopped")

// TestInterruptedImportGoesOn: wherever an import is interrupted, the next call does the rest, and in
// between Pending says that the data is incomplete.
func TestInterruptedImportGoesOn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, fresh func(t *testing.T) db.Config) {
		first := migrated(t, embedded(t))
		fill(t, first, 10)
		fillTable(t, first, Table{Name: "users", Key: "user_id"}, 10, 2*batchRows+10)
		dir, other := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "other")
		_, err := ExportDir(t.Context(), first, dir, "test", quiet)
		require.NoError(t, err)
		_, err = ExportDir(t.Context(), first, other, "test", quiet)
		require.NoError(t, err)
		second := migrated(t, fresh(t))
		stops := 0
		for { // each time one batch further
			ctx, stop := context.WithCancelCause(t.Context())
			calls := 0
			_, err = Import(ctx, second, dir, func(what string, _, _ int64) {
				if calls++; calls == 2 && !strings.Contains(what, "reading") {
					stop(errStop)
				}
			})
			stop(nil)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, Pending(t.Context(), second), ErrBegun)
			stops++
		}
		assert.Greater(t, stops, 5)
		assert.NoError(t, Pending(t.Context(), second))
		_, err = Import(t.Context(), second, other, quiet)
		require.ErrorIs(t, err, ErrNotEmpty)
	})
}

// TestAnotherExportIsNoContinuation: an import of one export is not continued with another export.
func TestAnotherExportIsNoContinuation(t *testing.T) {
	t.Parallel()
	first := migrated(t, embedded(t))
	fill(t, first, 3)
	var dirs [2]string
	for i := range dirs {
		dirs[i] = filepath.Join(t.TempDir(), "export")
		_, err := ExportDir(t.Context(), first, dirs[i], "test", quiet)
		require.NoError(t, err)
	}
	second := migrated(t, embedded(t))
	ctx, stop := context.WithCancel(t.Context())
	_, err := Import(ctx, second, dirs[0], func(string, int64, int64) { stop() })
	require.ErrorIs(t, err, context.Canceled)
	_, err = Import(t.Context(), second, dirs[1], quiet)
	require.ErrorIs(t, err, ErrNotEmpty)
	require.ErrorIs(t, Pending(t.Context(), second), ErrBegun)
	_, err = Import(t.Context(), second, dirs[0], quiet)
	require.NoError(t, err)
}
