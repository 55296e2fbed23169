package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAManifestThatIsTooLong is not read into memory.
func TestAManifestThatIsTooLong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ManifestFile), []byte(`{"format": "gochat-export", "version": 1, "id": "x"}`), 0o600))
	_, err := ReadManifest(dir)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(dir, ManifestFile), 1<<40))
	_, err = ReadManifest(dir)
	require.ErrorIs(t, err, ErrNotExport)
}

// TestDamagedExports: a damaged export is refused and changes nothing.
func TestDamagedExports(t *testing.T) {
	t.Parallel()
	first := migrated(t, embedded(t))
	fill(t, first, 5)
	second := migrated(t, embedded(t))
	for name, damage := range map[string]func(t *testing.T, dir string){
		"no manifest": func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(dir, ManifestFile)))
		},
		"a table is missing": func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(dir, "messages.ndjson")))
		},
		"a table is cut off": func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Truncate(filepath.Join(dir, "users.ndjson"), 100))
		},
		"a byte is another": func(t *testing.T, dir string) {
			t.Helper()
			edit(t, filepath.Join(dir, "users.ndjson"), "plain", "plaim")
		},
		"of a newer program": func(t *testing.T, dir string) {
			t.Helper()
			edit(t, filepath.Join(dir, ManifestFile), `"version": 1`, `"version": 2`)
		},
		"an unknown table": func(t *testing.T, dir string) {
			t.Helper()
			edit(t, filepath.Join(dir, ManifestFile), `"users"`, `"visitors"`)
		},
		"an unknown column": func(t *testing.T, dir string) {
			t.Helper()
			edit(t, filepath.Join(dir, ManifestFile), `"nickname"`, `"petname"`)
		},
		"something else": func(t *testing.T, dir string) {
			t.Helper()
			edit(t, filepath.Join(dir, ManifestFile), formatName, "else")
		},
	} {
		dir := filepath.Join(t.TempDir(), "export")
		_, err := ExportDir(t.Context(), first, dir, "test", quiet)
		require.NoError(t, err)
		damage(t, dir)
		_, err = Import(t.Context(), second, dir, quiet)
		require.ErrorIs(t, err, ErrNotExport, name)
		there, err := hasTable(t.Context(), second.Primary().DB, second.Driver(), progressTable)
		require.NoError(t, err)
		assert.False(t, there, name)
	}
}

func edit(t *testing.T, path, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	changed := strings.Replace(string(raw), from, to, 1)
	require.NotEqual(t, string(raw), changed)
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
}

// TestImportNoticesWhatDiffers: an import reads everything back before it succeeds.
func TestImportNoticesWhatDiffers(t *testing.T) {
	t.Parallel()
	first := migrated(t, embedded(t))
	fill(t, first, 5)
	dir := filepath.Join(t.TempDir(), "export")
	_, err := ExportDir(t.Context(), first, dir, "test", quiet)
	require.NoError(t, err)
	second := migrated(t, embedded(t))
	_, err = Import(t.Context(), second, dir, func(table string, _, _ int64) {
		if table == "poison_records" {
			_, err := second.Writer().DB.ExecContext(t.Context(), "UPDATE messages SET content = 'of somebody else' WHERE seq_id IN (SELECT MIN(seq_id) FROM messages)")
			assert.NoError(t, err)
		}
	})
	require.ErrorIs(t, err, ErrDiffers)
	require.ErrorIs(t, Pending(t.Context(), second), ErrBegun)
}
