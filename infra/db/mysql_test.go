package db_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/infra/db"
)

func TestVersionsOfServers(t *testing.T) {
	t.Parallel()
	for version, c := range map[string]struct {
		mariadb, old, other bool
	}{
		"8.0.36":                       {},
		"9.1.0-commercial":             {},
		"5.7.44-log":                   {old: true},
		"10.11.6-MariaDB-0+deb12u1":    {mariadb: true},
		"5.5.5-10.6.4-MariaDB-log":     {mariadb: true},
		"10.5.0-MariaDB":               {mariadb: true},
		"10.4.34-MariaDB":              {old: true},
		"5.5.68-MariaDB":               {old: true},
		"something that is no version": {other: true},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			mariadb, err := db.KindOf(version)
			if c.old {
				require.ErrorIs(t, err, db.ErrOldServer)
				require.ErrorContains(t, err, version)
				return
			}
			if c.other {
				require.ErrorContains(t, err, version)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.mariadb, mariadb)
		})
	}
}

// server returns the DSN of an empty database, and what changes it.
func server(t *testing.T) *mysql.Config {
	t.Helper()
	dsn := os.Getenv("GOCHAT_TEST_MYSQL_DSN")
	if dsn == "" {
		t.Skip("set GOCHAT_TEST_MYSQL_DSN (user:password@tcp(host:port)/name) to run it on MySQL or MariaDB")
	}
	conf, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	conf.DBName = ""
	admin, err := sql.Open("mysql", conf.FormatDSN())
	require.NoError(t, err)
	conf.DBName = "gochat_db_" + strings.ToLower(rand.Text()[:12])
	_, err = admin.ExecContext(t.Context(), "CREATE DATABASE "+conf.DBName)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP DATABASE "+conf.DBName)
		assert.NoError(t, err)
		assert.NoError(t, admin.Close())
	})
	return conf
}

func mysqlConfig(conf *mysql.Config) db.Config {
	return db.Config{Driver: db.MySQL, DSN: conf.FormatDSN()}
}

// TestServersThatCannotBeUsed are named in one sentence, with the setting and without
// the password.
func TestServersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dsn  string
		want []string
	}{
		"nonsense":     {"SECRET", []string{"db.dsn", "user:password@tcp(host:port)/database"}},
		"no database":  {"me:SECRET@tcp(127.0.0.1:1)/", []string{"db.dsn", "names no database"}},
		"nobody there": {"me:SECRET@tcp(127.0.0.1:1)/gochat", []string{"db.dsn", "127.0.0.1:1", "refused"}},
		"wrong kind":   {"me:SECRET@tcp(" + mute(t) + ")/gochat?timeout=100ms&readTimeout=100ms", []string{"db.dsn", "does not answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, db.Config{Driver: db.MySQL, DSN: c.dsn}, c.want)
		})
	}
	t.Run("of a server", func(t *testing.T) {
		t.Parallel()
		conf := server(t)
		other := conf.Clone()
		other.DBName = "gochat_db_nothing"
		refused(t, mysqlConfig(other), []string{"db.dsn", conf.Addr, `no database "gochat_db_nothing"`})
		other = conf.Clone()
		other.User, other.Passwd = "nobody", "SECRET"
		refused(t, mysqlConfig(other), []string{"db.dsn", conf.Addr, `refuses user "nobody"`})
		cfg := mysqlConfig(conf)
		cfg.ReplicaDSNs = []string{"SECRET"}
		refused(t, cfg, []string{"db.replica_dsns (number 1)"})
	})
}

func refused(t *testing.T, cfg db.Config, want []string) {
	t.Helper()
	_, err := db.Open(t.Context(), cfg, zap.NewNop())
	require.Error(t, err)
	for _, w := range want {
		require.ErrorContains(t, err, w)
	}
	require.NotContains(t, err.Error(), "SECRET")
	require.NotContains(t, err.Error(), "\n")
}

// mute is a server that says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestSessions(t *testing.T) {
	t.Parallel()
	cfg := mysqlConfig(server(t))
	cfg.StatementTimeout = time.Second
	d := open(t, cfg, zap.NewNop())
	var level string
	var locks int
	isolation := "@@tx_isolation"
	if err := d.Primary().DB.QueryRowContext(t.Context(), "SELECT "+isolation).Scan(&level); err != nil {
		isolation = "@@transaction_isolation"
	}
	require.NoError(t, d.Primary().DB.QueryRowContext(t.Context(), "SELECT "+isolation+", @@innodb_lock_wait_timeout").Scan(&level, &locks))
	assert.Equal(t, "READ-COMMITTED", level)
	assert.Equal(t, 2, locks)

	const long = "SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b, information_schema.columns c WHERE SLEEP(0.05) = 1"
	_, err := d.Primary().DB.ExecContext(t.Context(), long)
	require.Error(t, err, "the server gives it up by itself")
	assert.True(t, db.IsTransient(err), err)
	assert.False(t, db.IsLost(err), err)

	patient, closed, err := d.Patient()
	require.NoError(t, err)
	defer func() { assert.NoError(t, closed()) }()
	var slept int
	require.NoError(t, patient.DB.QueryRowContext(t.Context(), "SELECT SLEEP(1.2)").Scan(&slept))
	assert.Zero(t, slept, "not interrupted")
}

// TestDeadlocksAreRunAgain: each of two transactions holds what the other wants.
func TestDeadlocksAreRunAgain(t *testing.T) {
	t.Parallel()
	d := open(t, mysqlConfig(server(t)), zap.NewNop())
	_, err := d.Writer().DB.ExecContext(t.Context(), "CREATE TABLE t (a INT PRIMARY KEY, n INT NOT NULL)")
	require.NoError(t, err)
	_, err = d.Writer().DB.ExecContext(t.Context(), "INSERT INTO t VALUES (1, 0), (2, 0)")
	require.NoError(t, err)
	var both, wg sync.WaitGroup
	both.Add(2)
	var mu sync.Mutex
	tries := 0
	for i := range 2 {
		wg.Go(func() {
			first := true
			assert.NoError(t, d.Again(t.Context(), func(ctx context.Context) error {
				return d.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
					mu.Lock()
					tries++
					mu.Unlock()
					for n, row := range []int{1 + i, 2 - i} {
						if _, err := tx.Tx.ExecContext(ctx, "UPDATE t SET n = n + 1 WHERE a = ?", row); err != nil {
							return err
						}
						if n == 0 && first {
							first = false
							both.Done()
							both.Wait()
						}
					}
					return nil
				})
			}))
		})
	}
	wg.Wait()
	assert.Equal(t, 3, tries, "one was given up")
	var sum int
	require.NoError(t, d.Primary().DB.QueryRowContext(t.Context(), "SELECT SUM(n) FROM t").Scan(&sum))
	assert.Equal(t, 4, sum)
}

func TestLostConnections(t *testing.T) {
	t.Parallel()
	d := open(t, mysqlConfig(server(t)), zap.NewNop())
	err := d.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		var id int64
		require.NoError(t, tx.Tx.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id))
		_, err := d.Primary().DB.ExecContext(ctx, fmt.Sprint("KILL ", id))
		require.NoError(t, err)
		_, err = tx.Tx.ExecContext(ctx, "SELECT 1")
		return err
	})
	require.Error(t, err)
	assert.True(t, db.IsLost(err), err)
	assert.True(t, db.IsTransient(err), err)
	require.NoError(t, d.Check(t.Context())["database"], "the pool has others")
}

// TestReplicasAreOptional: what is wrong with one is the primary's work.
func TestReplicasAreOptional(t *testing.T) {
	t.Parallel()
	conf := server(t)
	dead := conf.Clone()
	dead.Addr = "127.0.0.1:1"
	cfg := mysqlConfig(conf)
	cfg.ReplicaDSNs = []string{dead.FormatDSN()}
	core, logs := observer.New(zap.WarnLevel)
	d := open(t, cfg, zap.New(core))
	asked := 0
	ask := func(ctx context.Context, pool *sql.DB) (bool, error) {
		asked++
		return true, pool.PingContext(ctx)
	}
	for range 10 {
		assert.False(t, d.TryReplica(t.Context(), ask))
	}
	assert.Equal(t, 1, asked, "it is left alone")
	assert.Equal(t, 1, logs.Len(), "and that is said once")
	assert.EqualValues(t, 1, d.ReplicaReads()["replica-1"].Failed)
	answers := d.Check(t.Context())
	require.NoError(t, answers["database"])
	require.Error(t, answers["database-replica-1"])
	assert.Len(t, d.Stats(), 2)
}

// TestReplicasThatAreBehind are left alone for a while, and then by all but one.
func TestReplicasThatAreBehind(t *testing.T) {
	t.Parallel()
	conf := server(t)
	cfg := mysqlConfig(conf)
	cfg.ReplicaDSNs = []string{conf.FormatDSN()} // one that never is, but says so
	d := open(t, cfg, zap.NewNop())
	whole := func(w bool) func(context.Context, *sql.DB) (bool, error) {
		return func(context.Context, *sql.DB) (bool, error) { return w, nil }
	}
	assert.True(t, d.TryReplica(t.Context(), whole(true)))
	assert.True(t, d.TryReplica(t.Context(), whole(false)), "what it has is used")
	assert.False(t, d.TryReplica(t.Context(), whole(true)), "then it is left alone")
	require.ErrorIs(t, d.Check(t.Context())["database-replica-1"], db.ErrBehind)
	inside := make(chan struct{})
	require.Eventually(t, func() bool {
		return d.TryReplica(t.Context(), func(ctx context.Context, _ *sql.DB) (bool, error) {
			assert.False(t, d.TryReplica(ctx, whole(true)), "one is enough to find out")
			close(inside)
			return true, nil
		})
	}, time.Minute, 10*time.Millisecond)
	<-inside
	assert.True(t, d.TryReplica(t.Context(), whole(true)))
	require.NoError(t, d.Check(t.Context())["database-replica-1"])
	assert.Equal(t, db.ReplicaReads{Served: 3, Late: 1}, d.ReplicaReads()["replica-1"])

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	assert.False(t, d.TryReplica(gone, func(ctx context.Context, _ *sql.DB) (bool, error) { return false, ctx.Err() }))
	assert.True(t, d.TryReplica(t.Context(), whole(true)), "a caller who left says nothing about it")
	assert.False(t, d.TryReplica(t.Context(), func(context.Context, *sql.DB) (bool, error) { return false, errors.New("broken") }))
}
