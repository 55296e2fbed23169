package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

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
