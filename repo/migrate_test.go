package repo_test

import (
	"crypto/md5"
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/repotest"
)

// TestLongMigrationsAreNoReasonToEnd: the timeout of a start begins after the migrations.
func TestLongMigrationsAreNoReasonToEnd(t *testing.T) {
	t.Parallel()
	cfg := repo.DefaultConfig()
	cfg.DB = repotest.MySQL(t)
	const env = "GOCHAT_TEST_REDIS_ADDR"
	if os.Getenv(env) == "" {
		t.Skip("set " + env + " to a Redis, which is asked after the migrations")
	}
	cfg.KV.Addrs, cfg.KV.DB = []string{os.Getenv(env)}, 2
	conf, err := mysql.ParseDSN(cfg.DB.DSN)
	require.NoError(t, err)
	pool, err := sql.Open("mysql", cfg.DB.DSN)
	require.NoError(t, err)
	defer func() { assert.NoError(t, pool.Close()) }()
	other, err := pool.Conn(t.Context()) // another process, which migrates
	require.NoError(t, err)
	defer func() { assert.NoError(t, other.Close()) }()
	lock := fmt.Sprintf("gochat-migrate-%x", md5.Sum([]byte(conf.DBName)))
	_, err = other.ExecContext(t.Context(), "DO GET_LOCK(?, 0)", lock)
	require.NoError(t, err)

	opened := make(chan error, 1)
	go func() {
		r, err := repo.Open(t.Context(), cfg, zap.NewNop())
		if err == nil {
			err = r.Close(t.Context())
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		require.FailNow(t, "nobody has migrated yet", "%v", err)
	case <-time.After(repo.OpenTimeout + time.Second):
	}
	_, err = other.ExecContext(t.Context(), "DO RELEASE_LOCK(?)", lock)
	require.NoError(t, err)
	require.NoError(t, <-opened)
}
