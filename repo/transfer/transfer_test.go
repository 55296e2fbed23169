package transfer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func quiet(string, int64, int64) {}

func embedded(t *testing.T) db.Config {
	t.Helper()
	cfg := db.DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "gochat.db")
	return cfg
}

func migrated(t *testing.T, cfg db.Config) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	_, err = sqlstore.Migrate(t.Context(), d)
	require.NoError(t, err)
	return d
}

// onBoth runs a test on SQLite and on MySQL.
func onBoth(t *testing.T, test func(t *testing.T, fresh func(t *testing.T) db.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, embedded) })
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T) db.Config { t.Helper(); return repotest.MySQL(t) })
	})
}

func tablesOf(t *testing.T, d *db.DB) (names []string) {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if d.Driver() == db.MySQL {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
	}
	rows, err := d.Primary().DB.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { assert.NoError(t, rows.Close()) }()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}

// TestEveryTableIsDecidedOn: every table of the schema is in Tables or in LeftOut.
func TestEveryTableIsDecidedOn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, fresh func(t *testing.T) db.Config) {
		there := tablesOf(t, migrated(t, fresh(t)))
		for _, name := range there {
			_, carried := tableNamed(name)
			assert.True(t, carried != (LeftOut[name] != ""), "table %s has to be in Tables, or in LeftOut with a reason, and not in both", name)
		}
		for _, table := range Tables {
			assert.Contains(t, there, table.Name)
		}
	})
}

// awkward are texts of all kinds.
var awkward = []string{"", "plain", `"quoted" \ / <b>&</b>`, "tab\tand\nline\x00", "日本語 🙂", "\u2028'; DROP TABLE users; --", "null"}

// fill puts rows into every table, which make no sense and have every kind of value in every column.
func fill(t *testing.T, d *db.DB, rows int) {
	t.Helper()
	for _, table := range Tables {
		fillTable(t, d, table, 0, rows)
	}
}

func fillTable(t *testing.T, d *db.DB, table Table, from, to int) {
	t.Helper()
	columns, err := columnsOf(t.Context(), d.Writer().DB, d.Driver(), table.Name)
	require.NoError(t, err)
	var args []any
	for n := from; n < to; n++ {
		for at, c := range columns {
			args = append(args, valueFor(table, c, at, n))
		}
	}
	require.NoError(t, inTx(t.Context(), d.Writer().DB, func(tx *sql.Tx) error {
		return insert(t.Context(), tx, table.Name, columns, args)
	}), table.Name)
}

// valueFor makes keys unique. Where a text may be short or ASCII alone, it is.
func valueFor(table Table, c column, at, n int) any {
	key := strings.Contains(table.Key, c.name) || slices.Contains([]string{"username_key", "client_msg_id", "conversation_id", "uuid", "message_id"}, c.name)
	switch {
	case c.name == "type":
		return int64(n % 4)
	case c.name == "done":
		return int64(1)
	case c.kind == number && key:
		return int64(1)<<60 + int64(n)
	case c.kind == number && c.name == "left_seq" && n%2 == 0:
		return nil
	case c.kind == number:
		return int64((n + at) % 100)
	case c.kind == blob && c.name == "payload":
		return []byte{0, 255, byte(n), '"'}
	case key:
		return fmt.Sprintf("%s_%06d", table.Name[:3], n)
	case c.name == "extra" && n%3 == 0:
		return nil
	case slices.Contains([]string{"content", "nickname", "name", "extra", "announcement", "avatar_url"}, c.name):
		return awkward[n%len(awkward)]
	}
	return fmt.Sprintf("t%d", n)
}

// TestEverythingComesOver: each table, row and column, through both kinds of databases and back.
func TestEverythingComesOver(t *testing.T) {
	t.Parallel()
	const rows = 1234 // several statements
	onBoth(t, func(t *testing.T, fresh func(t *testing.T) db.Config) {
		first := migrated(t, embedded(t))
		fill(t, first, rows)
		there, back := filepath.Join(t.TempDir(), "there"), filepath.Join(t.TempDir(), "back")
		m, err := ExportDir(t.Context(), first, there, "test", quiet)
		require.NoError(t, err)
		assert.EqualValues(t, len(Tables)*rows+1, m.Rows(), "and the world")

		second := migrated(t, fresh(t))
		_, err = Import(t.Context(), second, there, quiet)
		require.NoError(t, err)
		require.NoError(t, Pending(t.Context(), second))
		m, err = ExportDir(t.Context(), second, back, "test", quiet)
		require.NoError(t, err)
		assert.EqualValues(t, len(Tables)*rows+1, m.Rows())
		for _, table := range Tables {
			a, err := os.ReadFile(filepath.Join(there, table.Name+".ndjson"))
			require.NoError(t, err)
			b, err := os.ReadFile(filepath.Join(back, table.Name+".ndjson"))
			require.NoError(t, err)
			assert.Equal(t, string(a), string(b), table.Name)
		}
		_, err = Import(t.Context(), second, there, quiet)
		require.ErrorIs(t, err, ErrNotEmpty)
		require.NoError(t, Pending(t.Context(), second), "a refused import has not begun")
	})
}

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

// TestWhatIsImportedIsFound: also in a database on which a gochat ran before, whose backfill of the search
// index was finished when there was nothing to index.
func TestWhatIsImportedIsFound(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, fresh func(t *testing.T) db.Config) {
		first := migrated(t, embedded(t))
		fill(t, first, 3)
		dir := filepath.Join(t.TempDir(), "export")
		_, err := ExportDir(t.Context(), first, dir, "test", quiet)
		require.NoError(t, err)
		second := migrated(t, fresh(t))
		backfill := func() (done bool) {
			_, done, err := sqlstore.New(second).Backfill(t.Context(), 100)
			require.NoError(t, err)
			return done
		}
		for !backfill() {
			continue
		}
		_, err = Import(t.Context(), second, dir, quiet)
		require.NoError(t, err)
		var over bool
		require.NoError(t, second.Primary().DB.QueryRowContext(t.Context(), "SELECT done FROM search_backfill WHERE id = 1").Scan(&over))
		assert.False(t, over, "nobody would find what was imported")
	})
}

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

// TestVacant: Vacant returns the error that Import would return, whatever the schema is, and changes nothing.
func TestVacant(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, fresh func(t *testing.T) db.Config) {
		open := func(query string) *db.DB {
			d, err := db.Open(t.Context(), fresh(t), zap.NewNop())
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, d.Close()) })
			for part := range strings.SplitSeq(query, ";") {
				_, err = d.Writer().DB.ExecContext(t.Context(), part)
				require.NoError(t, err)
			}
			return d
		}
		const table = "CREATE TABLE users (user_id BIGINT NOT NULL PRIMARY KEY)"
		const progress = "CREATE TABLE " + progressTable + " (id INTEGER, export_id VARCHAR(64), table_number INTEGER, file_offset BIGINT, row_count BIGINT);" +
			"INSERT INTO " + progressTable + " VALUES (1, 'one', 2, 3, 4)"
		for name, c := range map[string]struct {
			d    *db.DB
			want error
		}{
			"without tables":            {open("SELECT 1"), nil},
			"of this program, empty":    {migrated(t, fresh(t)), nil},
			"of an older one, empty":    {open(table), nil},
			"of an older one, with one": {open(table + "; INSERT INTO users VALUES (1)"), ErrNotEmpty},
			"with the same begun":       {open(table + "; INSERT INTO users VALUES (1); " + progress), nil},
			"with another one begun":    {open(strings.Replace(progress, "one", "two", 1)), ErrNotEmpty},
		} {
			before := tablesOf(t, c.d)
			require.ErrorIs(t, Vacant(t.Context(), c.d, &Manifest{ID: "one"}), c.want, name)
			assert.Equal(t, before, tablesOf(t, c.d), name)
		}
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

func TestExportStream(t *testing.T) {
	t.Parallel()
	d := migrated(t, embedded(t))
	fill(t, d, 2)
	var out strings.Builder
	m, err := ExportStream(t.Context(), d, &out, "test", quiet)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Len(t, lines, int(m.Rows())+1)
	assert.True(t, strings.HasPrefix(lines[0], `{"table":"users","row":{"user_id":"1152921504606846976",`), lines[0])
	assert.True(t, strings.HasPrefix(lines[len(lines)-1], `{"manifest":{"format":"gochat-export"`), lines[len(lines)-1])
	_, err = ExportStream(t.Context(), d, failing{}, "test", quiet)
	require.ErrorIs(t, err, io.ErrShortWrite)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
