package transfer

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExportNeedsAPlaceOfItsOwn: an interrupted export is written anew, and other files are never touched.
func TestExportNeedsAPlaceOfItsOwn(t *testing.T) {
	t.Parallel()
	d := migrated(t, embedded(t))
	dir := filepath.Join(t.TempDir(), "export")
	ctx, stop := context.WithCancel(t.Context())
	_, err := ExportDir(ctx, d, dir, "test", func(string, int64, int64) { stop() })
	require.ErrorIs(t, err, context.Canceled)
	_, err = ReadManifest(dir)
	require.ErrorIs(t, err, ErrNotExport)
	_, err = ExportDir(t.Context(), d, dir, "test", quiet)
	require.NoError(t, err)
	_, err = ExportDir(t.Context(), d, dir, "test", quiet)
	require.ErrorIs(t, err, os.ErrExist, "a whole one is not overwritten")
	info, err := os.Stat(filepath.Join(dir, "users.ndjson"))
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())
}

// TestWhatAnExportFindsInItsPlace: leftovers of an interrupted export are removed, lost+found stays, and when
// there is anything else, nothing is touched.
func TestWhatAnExportFindsInItsPlace(t *testing.T) {
	t.Parallel()
	d := migrated(t, embedded(t))
	for name, c := range map[string]struct {
		files, dirs []string
		refused     string
	}{
		"half a manifest":     {files: []string{"users.ndjson", ".new-123"}},
		"a disk of its own":   {files: []string{"users.ndjson"}, dirs: []string{"lost+found"}},
		"a whole export":      {files: []string{"announcements.ndjson", ManifestFile, "users.ndjson"}, refused: ManifestFile},
		"somebody's file":     {files: []string{"announcements.ndjson", "notes"}, refused: "notes"},
		"somebody's table":    {files: []string{"announcements.ndjson", "visitors.ndjson"}, refused: "visitors.ndjson"},
		"a table's directory": {files: []string{"announcements.ndjson"}, dirs: []string{"users.ndjson"}, refused: "users.ndjson"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, file := range c.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte("before"), 0o600))
			}
			for _, one := range c.dirs {
				require.NoError(t, os.Mkdir(filepath.Join(dir, one), 0o700))
			}
			_, err := ExportDir(t.Context(), d, dir, "test", quiet)
			for _, one := range c.dirs {
				assert.DirExists(t, filepath.Join(dir, one))
			}
			if c.refused == "" {
				require.NoError(t, err)
				list, err := os.ReadDir(dir)
				require.NoError(t, err)
				assert.Len(t, list, len(Tables)+1+len(c.dirs))
				return
			}
			require.ErrorIs(t, err, os.ErrExist)
			require.ErrorContains(t, err, c.refused)
			for _, file := range c.files {
				assert.FileExists(t, filepath.Join(dir, file))
			}
		})
	}
}
