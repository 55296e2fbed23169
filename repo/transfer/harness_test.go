package transfer

import (
	"database/sql"
	"fmt"
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
