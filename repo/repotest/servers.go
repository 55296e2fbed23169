package repotest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
)

// The environment that names servers for tests.
const (
	EnvMySQL   = "GOCHAT_TEST_MYSQL_DSN"
	EnvReplica = "GOCHAT_TEST_MYSQL_REPLICA_DSN"
)

// MySQL makes a database for this test alone on the server that EnvMySQL names, and
// drops it at the end; without the variable the test is skipped.
func MySQL(tb testing.TB) db.Config {
	tb.Helper()
	given := os.Getenv(EnvMySQL)
	if given == "" {
		tb.Skip("set " + EnvMySQL + " (user:password@tcp(host:port)/name) to run it on MySQL or MariaDB")
	}
	conf, err := mysql.ParseDSN(given)
	require.NoError(tb, err)
	name := "gochat_test_" + strings.ToLower(rand.Text()[:12])
	conf.DBName = ""
	Exec(tb, conf.FormatDSN(), "CREATE DATABASE "+name)
	tb.Cleanup(func() { Exec(tb, conf.FormatDSN(), "DROP DATABASE "+name) })
	cfg := db.DefaultConfig()
	cfg.Driver = db.MySQL
	cfg.DSN = on(conf, name)
	return cfg
}

// Replica is MySQL with the replica that EnvReplica names; server is that replica's
// DSN, without a database.
func Replica(tb testing.TB) (cfg db.Config, server string) {
	tb.Helper()
	given := os.Getenv(EnvReplica)
	if given == "" {
		tb.Skip("set " + EnvReplica + " and " + EnvMySQL + ", its primary, to run it with a replica")
	}
	cfg = MySQL(tb)
	primary, err := mysql.ParseDSN(cfg.DSN)
	require.NoError(tb, err)
	conf, err := mysql.ParseDSN(given)
	require.NoError(tb, err)
	cfg.ReplicaDSNs = []string{on(conf, primary.DBName)}
	return cfg, on(conf, "")
}

func on(conf *mysql.Config, name string) string {
	conf = conf.Clone()
	conf.DBName = name
	return conf.FormatDSN()
}

// Exec runs statements on a server.
func Exec(tb testing.TB, dsn string, queries ...string) {
	tb.Helper()
	pool, err := sql.Open("mysql", dsn)
	require.NoError(tb, err)
	defer func() { assert.NoError(tb, pool.Close()) }()
	for _, q := range queries {
		_, err := pool.ExecContext(context.Background(), q)
		require.NoError(tb, err, q)
	}
}
