package repo_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/repotest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func config(dir string) repo.Config {
	cfg := repo.DefaultConfig()
	cfg.DB.Path = filepath.Join(dir, "test.db")
	return cfg
}

func open(t *testing.T, cfg repo.Config) *repo.Repo {
	t.Helper()
	r, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close(context.WithoutCancel(t.Context()))) })
	return r
}

func TestOnSQLite(t *testing.T) {
	t.Parallel()
	r := open(t, config(t.TempDir()))
	repotest.Run(t, suite(r))
}

func TestOnMySQL(t *testing.T) {
	t.Parallel()
	cfg := repo.DefaultConfig()
	cfg.DB = repotest.MySQL(t)
	r := open(t, cfg)
	repotest.Run(t, suite(r))
}

// opened is a role that a test has opened.
type opened interface {
	repotest.Role
	FlushCache(ctx context.Context) error
	KeepsSessions() bool
}

func suite(r opened) repotest.Suite {
	return repotest.Suite{Role: r, FlushCache: r.FlushCache, KeepsSessions: r.KeepsSessions()}
}

// server is the Redis that the environment names; without one the test is skipped.
func server(tb testing.TB) kv.Config {
	tb.Helper()
	const env = "GOCHAT_TEST_REDIS_ADDR"
	if os.Getenv(env) == "" {
		tb.Skip("set " + env + " to run it with a real Redis")
	}
	cfg := kv.DefaultConfig()
	cfg.Addrs, cfg.DB = []string{os.Getenv(env)}, 2
	return cfg
}

// TestOnRedis runs the suite with a real Redis as the cache, in a database of its
// own, which is emptied.
func TestOnRedis(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"single": "GOCHAT_TEST_REDIS_ADDR", "sentinel": "GOCHAT_TEST_REDIS_SENTINEL_ADDRS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addrs := os.Getenv(env)
			if addrs == "" {
				t.Skip("set " + env + " to run the suite with a real Redis")
			}
			cfg := config(t.TempDir())
			cfg.KV.Addrs, cfg.KV.DB = strings.Split(addrs, ","), 1
			if name == "sentinel" {
				cfg.KV.MasterName = "gochat"
			}
			r := open(t, cfg)
			repotest.Run(t, suite(r))
		})
	}
}

func TestMetricsAreInOrder(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(open(t, config(t.TempDir()))))
	found, err := reg.Gather()
	require.NoError(t, err)
	var names []string
	for _, f := range found {
		names = append(names, f.GetName())
	}
	assert.Contains(t, names, "gochat_repo_database_connections")
	assert.Contains(t, names, "gochat_repo_save_seconds")
	assert.Contains(t, names, "gochat_repo_redis_keys")
}

func TestWrongAddressesAreNamed(t *testing.T) {
	t.Parallel()
	cfg := config(t.TempDir())
	cfg.KV.Addrs = []string{"127.0.0.1:1"}
	_, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.ErrorContains(t, err, "kv.addrs")
	require.NotContains(t, err.Error(), "\n")
}
