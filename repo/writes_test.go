package repo_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const heals = time.Minute // an end for a test that fails; nothing waits for it

func writing(t *testing.T, r *repo.Repo) error {
	t.Helper()
	answers := r.Health(t.Context())
	require.Contains(t, answers, "database-write")
	require.NoError(t, answers["database"], "it still reads")
	return answers["database-write"]
}

// TestWritesThatFailShow: a database that can be read but takes no writes is reported, and is
// reported as well again once it takes writes, also when nobody sends meanwhile.
func TestWritesThatFailShow(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*testing.T, *repo.Repo, db.Config) (mend func()){
		"locked by another process": func(t *testing.T, _ *repo.Repo, cfg db.Config) func() {
			t.Helper()
			other, err := sql.Open("sqlite", "file:"+cfg.Path+"?_txlock=immediate")
			require.NoError(t, err)
			tx, err := other.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			return func() {
				assert.NoError(t, tx.Rollback())
				assert.NoError(t, other.Close())
			}
		},
		"no room": func(t *testing.T, r *repo.Repo, _ db.Config) func() {
			t.Helper()
			pool := r.Database().Writer().DB
			var pages int
			require.NoError(t, pool.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
			limit := func(n int) {
				var now int
				assert.NoError(t, pool.QueryRowContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count(%d)", n)).Scan(&now))
			}
			limit(pages)
			require.Error(t, r.Database().Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				return sqlstore.ProbeWrite(ctx, tx, 8<<20)
			}), "somebody's write fails")
			return func() { limit(1 << 30) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t.TempDir())
			cfg.DB.BusyTimeout = 100 * time.Millisecond
			r := open(t, cfg)
			require.Eventually(t, func() bool { return writing(t, r) == nil }, heals, 10*time.Millisecond)
			mend := spoil(t, r, cfg.DB)
			require.Eventually(t, func() bool { return writing(t, r) != nil }, heals, 10*time.Millisecond)
			assert.Equal(t, health.WordDown, health.Summarize(r.Health(t.Context())).Status)
			require.ErrorIs(t, writing(t, r), db.ErrNotWritable, "what reads may go on")
			mend()
			require.Eventually(t, func() bool { return writing(t, r) == nil }, heals, 10*time.Millisecond)
		})
	}
}
