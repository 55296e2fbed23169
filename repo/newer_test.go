package repo_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// TestOnASchemaOfANewerRelease: the next release adds columns while processes of this release go
// on, and start anew. With an unknown column in each table, everything works as before.
func TestOnASchemaOfANewerRelease(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func(t *testing.T) repo.Config{
		"sqlite": func(t *testing.T) repo.Config { return config(t.TempDir()) },
		"mysql": func(t *testing.T) repo.Config {
			cfg := repo.DefaultConfig()
			cfg.DB = repotest.MySQL(t)
			return cfg
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			widen(t, cfg.DB)
			for _, auto := range []bool{false, true} {
				cfg.DB.AutoMigrate = auto
				core, said := observer.New(zap.WarnLevel)
				r, err := repo.Open(t.Context(), cfg, zap.New(core))
				require.NoError(t, err)
				require.NoError(t, r.Close(t.Context()))
				assert.NotZero(t, said.FilterMessageSnippet("this one can work with it").Len(), "the start says so")
			}
			r := open(t, cfg)
			repotest.Run(t, suite(r))
		})
	}
}

// widen makes the tables, gives each a column more, and notes who did so.
func widen(t *testing.T, cfg db.Config) {
	t.Helper()
	d, err := db.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	_, err = sqlstore.Migrate(t.Context(), d)
	require.NoError(t, err)
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%fts%'"
	if d.Driver() == db.MySQL {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
	}
	tables := column(t, d, query)
	require.Greater(t, len(tables), 10)
	for _, name := range tables {
		_, err := d.Writer().DB.ExecContext(t.Context(), fmt.Sprintf("ALTER TABLE `%s` ADD COLUMN of_a_newer_release INT NOT NULL DEFAULT 7", name))
		require.NoError(t, err)
	}
	_, err = d.Writer().DB.ExecContext(t.Context(), "INSERT INTO bun_migrations (name, group_id, migrated_at) VALUES ('29990101000000', 99, '2026-01-01 00:00:00')")
	require.NoError(t, err)
	require.NoError(t, d.Close())
}

func column(t *testing.T, d *db.DB, query string) (out []string) {
	t.Helper()
	rows, err := d.Primary().DB.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { assert.NoError(t, rows.Close()) }()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		out = append(out, name)
	}
	require.NoError(t, rows.Err())
	return out
}
