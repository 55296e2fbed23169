package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

func open(t *testing.T, cfg db.Config, log *zap.Logger) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), cfg, log)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

func sqlite(t *testing.T) *db.DB {
	t.Helper()
	return open(t, db.Config{Path: filepath.Join(t.TempDir(), "made", "test.db")}, zap.NewNop())
}

func TestConfigsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  db.Config
		want string
	}{
		"no path":            {db.Config{}, "path"},
		"no dsn":             {db.Config{Driver: db.MySQL}, "dsn"},
		"replicas of a file": {db.Config{Path: "x", ReplicaDSNs: []string{"y"}}, "replica_dsns"},
		"another driver":     {db.Config{Driver: "oracle", Path: "x"}, "oracle"},
		"one connection":     {db.Config{Path: "x", MaxOpen: 1}, "max_open"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, c.cfg.Validate(), c.want)
			_, err := db.Open(t.Context(), c.cfg, zap.NewNop())
			require.ErrorContains(t, err, c.want)
		})
	}
	cfg := db.DefaultConfig()
	cfg.Path = "x"
	require.NoError(t, cfg.Validate())
}

// TestFilesThatAreNoDatabase are named, and left as they are.
func TestFilesThatAreNoDatabase(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "whole.db")
	d, err := db.Open(t.Context(), db.Config{Path: whole}, zap.NewNop())
	require.NoError(t, err)
	_, err = d.Writer().ExecContext(t.Context(), "CREATE TABLE t (a TEXT)")
	require.NoError(t, err)
	for range 200 {
		_, err = d.Writer().ExecContext(t.Context(), "INSERT INTO t VALUES (?)", string(bytes.Repeat([]byte("x"), 500)))
		require.NoError(t, err)
	}
	require.NoError(t, d.Close())
	good, err := os.ReadFile(whole)
	require.NoError(t, err)

	for name, data := range map[string][]byte{
		"something else": bytes.Repeat([]byte("no database. "), 1000),
		"cut off":        good[:len(good)/2],
		"a bad page":     append(append(append([]byte{}, good[:8192]...), bytes.Repeat([]byte{0xff}, 4096)...), good[12288:]...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bad.db")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			_, err := db.Open(t.Context(), db.Config{Path: path}, zap.NewNop())
			require.ErrorIs(t, err, db.ErrDamaged)
			require.ErrorContains(t, err, path)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(data, after), "it was changed")
		})
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := db.Open(t.Context(), db.Config{Path: filepath.Join(file, "test.db")}, zap.NewNop())
	require.ErrorContains(t, err, file)
	require.NotErrorIs(t, err, db.ErrDamaged)
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	d := sqlite(t)
	_, err := d.Writer().ExecContext(t.Context(), "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)")
	require.NoError(t, err)
	_, err = d.Primary().ExecContext(t.Context(), "INSERT INTO t VALUES (1, 'x')")
	require.Error(t, err)
	assert.False(t, d.TryReplica(t.Context(), func(context.Context, *sql.DB) (bool, error) { return true, nil }), "there is none")
	assert.Equal(t, map[string]error{"database": nil}, d.Check(t.Context()))
	stats := d.Stats()
	assert.Len(t, stats, 2)
	assert.Equal(t, 1, stats["writer"].MaxOpenConnections)
	assert.Equal(t, 4, stats["reader"].MaxOpenConnections)
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	d := sqlite(t)
	_, err := d.Writer().ExecContext(t.Context(), "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)")
	require.NoError(t, err)
	insert := func(values string) func(context.Context, bun.Tx) error {
		return func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES "+values)
			return err
		}
	}
	require.NoError(t, d.Tx(t.Context(), insert("(1, 'x')")))
	own := errors.New("changed my mind")
	require.ErrorIs(t, d.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		return errors.Join(insert("(2, 'y')")(ctx, tx), own)
	}), own)
	for values, key := range map[string]string{"(1, 'z')": "t.a", "(3, 'x')": "t.b"} {
		err = d.Tx(t.Context(), insert(values))
		got, taken := db.IsUniqueViolation(err)
		assert.True(t, taken)
		assert.Equal(t, key, got)
		assert.False(t, db.IsTransient(err))
	}
	var n int
	require.NoError(t, d.Primary().QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n))
	assert.Equal(t, 1, n, "what failed is not there")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, db.IsTransient(d.Tx(ctx, insert("(4, 'q')"))))
}

// TestAnotherWriterIsForNow: another process's lock is a transient error.
func TestAnotherWriterIsForNow(t *testing.T) {
	t.Parallel()
	cfg := db.Config{Path: filepath.Join(t.TempDir(), "test.db"), BusyTimeout: 20 * time.Millisecond}
	one, other := open(t, cfg, zap.NewNop()), open(t, cfg, zap.NewNop())
	require.NoError(t, one.Tx(t.Context(), func(ctx context.Context, _ bun.Tx) error {
		err := other.Tx(ctx, func(context.Context, bun.Tx) error { return nil })
		assert.Error(t, err)
		assert.True(t, db.IsTransient(err), err)
		return nil
	}))
}

func TestErrorsOfMySQL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err                           error
		key                           string
		taken, transient, conflicting bool
	}{
		"duplicate":       {&mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'a' for key 'uq_users_name'"}, "uq_users_name", true, false, false},
		"of MySQL 8":      {&mysql.MySQLError{Number: 1062, Message: "Duplicate entry '1' for key 'users.PRIMARY'"}, "PRIMARY", true, false, false},
		"deadlock":        {&mysql.MySQLError{Number: 1213}, "", false, true, true},
		"lock wait":       {&mysql.MySQLError{Number: 1205}, "", false, true, true},
		"read only":       {&mysql.MySQLError{Number: 1290}, "", false, true, false},
		"lost connection": {mysql.ErrInvalidConn, "", false, true, false},
		"syntax":          {&mysql.MySQLError{Number: 1064}, "", false, false, false},
		"no rows":         {sql.ErrNoRows, "", false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := fmt.Errorf("save: %w", c.err)
			key, taken := db.IsUniqueViolation(err)
			assert.Equal(t, c.key, key)
			assert.Equal(t, c.taken, taken)
			assert.Equal(t, c.transient, db.IsTransient(err))
			assert.Equal(t, c.conflicting, db.IsConflict(err))
		})
	}
}

// TestSlowQueriesAreLoggedWithoutWhatPeopleWrote, in every way that a literal can
// end.
func TestSlowQueriesAreLoggedWithoutWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	d := open(t, db.Config{Path: filepath.Join(t.TempDir(), "test.db"), SlowQuery: time.Nanosecond}, zap.New(core))
	for _, secret := range []string{"SECRET", "it''s SECRET", `back\ SECRET`, "two ' SECRET", "SECRET;--"} {
		var back string
		require.NoError(t, d.Primary().NewRaw("SELECT ? AS a", secret).Scan(t.Context(), &back))
		require.Equal(t, secret, back)
	}
	d.Observe("save messages", time.Now().Add(-time.Hour), nil)
	require.GreaterOrEqual(t, logs.Len(), 6)
	for _, e := range logs.All() {
		assert.NotContains(t, fmt.Sprint(e.ContextMap()), "SECRET")
	}
	assert.Equal(t, "save messages", logs.All()[logs.Len()-1].ContextMap()["query"])

	quiet, none := observer.New(zap.WarnLevel)
	q := open(t, db.Config{Path: filepath.Join(t.TempDir(), "test.db"), SlowQuery: -1}, zap.New(quiet))
	q.Observe("save messages", time.Now().Add(-time.Hour), nil)
	assert.Zero(t, none.Len())
}

// A transaction whose deadline ends before its commit was rolled back by then: the error is the deadline's,
// which may be tried again, and not a fault of the program.
func TestCommitWithoutTime(t *testing.T) {
	t.Parallel()
	d := sqlite(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Tx(ctx, func(_ context.Context, tx bun.Tx) error {
		cancel()
		assert.Eventually(t, func() bool {
			_, err := tx.ExecContext(context.WithoutCancel(ctx), "SELECT 1")
			return errors.Is(err, sql.ErrTxDone)
		}, 10*time.Second, time.Millisecond, "it is not rolled back")
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.True(t, db.IsTransient(err))
}
