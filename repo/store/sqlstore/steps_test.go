package sqlstore

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/repotest"
)

// TestMigrationsAreKilledBetweenTheirSteps: each is killed after each of its statements,
// up and down, and is finished by a later run, to what an undisturbed run comes to.
func TestMigrationsAreKilledBetweenTheirSteps(t *testing.T) {
	t.Parallel()
	d, whole := opened(t, repotest.MySQL(t)), opened(t, repotest.MySQL(t))
	_, err := Migrate(t.Context(), whole)
	require.NoError(t, err)
	all := known(t, db.MySQL)

	for _, name := range all {
		for cut := 1; cut <= stepsIn(t, name, "up"); cut++ {
			_, err := killed(t, name, "up", cut).up(t.Context(), d)
			require.ErrorContains(t, err, "Error 1146", "%s after step %d", name, cut)
			require.Contains(t, states(t, d), name+" pending")
		}
	}
	_, err = Migrate(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, suffixed(all, " applied"), states(t, d))
	assert.Equal(t, columnsAndKeys(t, whole), columnsAndKeys(t, d))

	slices.Reverse(all)
	for _, name := range all { // each was applied by itself, so that each is undone by itself
		for cut := 1; cut <= stepsIn(t, name, "down"); cut++ {
			_, err := killed(t, name, "down", cut).down(t.Context(), d)
			require.ErrorContains(t, err, "Error 1146", "%s undone up to step %d", name, cut)
			require.Contains(t, states(t, d), name+" applied")
		}
		names, err := Rollback(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, []string{name}, names)
	}
	assert.Empty(t, slices.DeleteFunc(columnsAndKeys(t, d), func(line string) bool { return strings.HasPrefix(line, "bun_") }))
}

// TestMigrationsAreKilledBeforeTheyAreNoted: each is killed between its last statement and the
// note that it was applied, or undone, and is finished by a later run, to what an undisturbed
// run comes to. What was stored meanwhile stays.
func TestMigrationsAreKilledBeforeTheyAreNoted(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		cfg := db.Config{Path: filepath.Join(t.TempDir(), "whole.db")}
		if d.Driver() == db.MySQL {
			cfg = repotest.MySQL(t)
		}
		whole := opened(t, cfg)
		_, err := Migrate(t.Context(), whole)
		require.NoError(t, err)
		all := known(t, d.Driver())
		unnote := func(name string) { exec(t, d, "DELETE FROM bun_migrations WHERE name = '"+name+"'") }
		epoch := ""
		for _, name := range all {
			to := upTo(t, d.Driver(), name)
			names, err := to.up(t.Context(), d)
			require.NoError(t, err)
			require.Equal(t, []string{name}, names)
			if epoch == "" && name >= "20261129040000" {
				epoch, err = New(d).Epoch(t.Context())
				require.NoError(t, err)
			}
			unnote(name)
			names, err = to.up(t.Context(), d)
			require.NoError(t, err, "the next start after a kill behind %s", name)
			require.Equal(t, []string{name}, names)
		}
		now, err := New(d).Epoch(t.Context())
		require.NoError(t, err)
		assert.Equal(t, epoch, now)
		assert.Equal(t, tables(t, whole), tables(t, d))

		slices.Reverse(all)
		for i, name := range all {
			names, err := Rollback(t.Context(), d)
			require.NoError(t, err)
			require.Equal(t, []string{name}, names)
			exec(t, d, fmt.Sprintf("INSERT INTO bun_migrations (name, group_id, migrated_at) VALUES ('%s', %d, '2026-01-01 00:00:00')", name, len(all)-i))
			names, err = Rollback(t.Context(), d)
			require.NoError(t, err, "undone again after a kill behind %s", name)
			require.Equal(t, []string{name}, names)
		}
		assert.Empty(t, slices.DeleteFunc(tables(t, d), func(line string) bool {
			return strings.HasPrefix(line, "bun_") || strings.HasPrefix(line, "sqlite_")
		}))
	})
}

// upTo is the migrations up to name.
func upTo(t *testing.T, driver db.Driver, name string) schema {
	t.Helper()
	files := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(migrationFiles, "migrations/"+string(driver), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() > name+"~" {
			return err
		}
		text, err := migrationFiles.ReadFile(path)
		files[path] = &fstest.MapFile{Data: text}
		return err
	}))
	return schema{files: files, patience: shipped.patience, parts: shipped.parts}
}

// tables are all tables, columns and keys.
func tables(t *testing.T, d *db.DB) (out []string) {
	t.Helper()
	if d.Driver() == db.MySQL {
		return columnsAndKeys(t, d)
	}
	require.NoError(t, d.Primary().NewRaw("SELECT tbl_name || ' ' || type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1").
		Scan(t.Context(), &out))
	return out
}

// killed is the migrations up to name, of which that one fails after its first steps, for
// want of a table (1146).
func killed(t *testing.T, name, way string, steps int) schema {
	t.Helper()
	cut := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(migrationFiles, "migrations/mysql", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || way == "up" && e.Name() > name+"~" {
			return err
		}
		text, err := migrationFiles.ReadFile(path)
		if strings.HasPrefix(e.Name(), name) && strings.HasSuffix(e.Name(), way+".sql") {
			parts := strings.Split(string(text), "--bun:split\n")
			text = []byte(strings.Join(append(parts[:steps:steps], "INSERT IGNORE INTO killed_here VALUES (1);\n"), "\n--bun:split\n"))
		}
		cut[path] = &fstest.MapFile{Data: text}
		return err
	}))
	return schema{files: cut, patience: shipped.patience, parts: shipped.parts}
}

func stepsIn(t *testing.T, name, way string) int {
	t.Helper()
	paths, err := fs.Glob(migrationFiles, "migrations/mysql/"+name+"_*."+way+".sql")
	require.NoError(t, err)
	require.Len(t, paths, 1)
	text, err := migrationFiles.ReadFile(paths[0])
	require.NoError(t, err)
	return strings.Count(string(text), "--bun:split\n") + 1
}

func columnsAndKeys(t *testing.T, d *db.DB) []string {
	t.Helper()
	var out []string
	require.NoError(t, d.Primary().NewRaw(`SELECT CONCAT_WS(' ', table_name, ordinal_position, column_name, column_type, is_nullable, column_default, extra)
		FROM information_schema.columns WHERE table_schema = DATABASE()
		UNION ALL SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name, non_unique)
		FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1`).Scan(t.Context(), &out))
	return out
}

// TestStepsMeetThemselves: a server goes on with the ALTER TABLE of a process that was
// killed, and the next process asks for the same before that is done.
func TestStepsMeetThemselves(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"add":  "ALTER TABLE narrow ADD COLUMN b INT NOT NULL DEFAULT 0, ADD COLUMN c INT NOT NULL DEFAULT 0",
		"drop": "ALTER TABLE narrow DROP COLUMN a, MODIFY id BIGINT NOT NULL",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := opened(t, repotest.MySQL(t))
			release := narrow(t, d)
			steps, err := readSteps(db.MySQL, query)
			require.NoError(t, err)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { assert.NoError(t, steps[0].run(t.Context(), d.Writer(), nil)) })
			}
			waiting(t, d, 2)
			release()
			wg.Wait()
			columns, err := steps[0].columns(t.Context(), d.Writer())
			require.NoError(t, err)
			assert.Equal(t, name == "add", columns["b"] && columns["c"])
			assert.Equal(t, name == "add", columns["a"])
		})
	}
}

// TestCopiesHaveTheirOwnTime: it is not that of the other steps, and what was given up is
// finished later.
func TestCopiesHaveTheirOwnTime(t *testing.T) {
	t.Parallel()
	d := opened(t, repotest.MySQL(t))
	release := narrow(t, d)
	files := fstest.MapFS{
		"migrations/mysql/20260101000000_wider.up.sql":   {Data: []byte("ALTER TABLE narrow ADD COLUMN b INT NOT NULL DEFAULT 0;")},
		"migrations/mysql/20260101000000_wider.down.sql": {Data: []byte("ALTER TABLE narrow DROP COLUMN b;")},
	}
	_, err := schema{files: files, patience: patience{quick: time.Hour, copy: 200 * time.Millisecond}, parts: shipped.parts}.up(t.Context(), d)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "a step takes longer than it may (1h0m0s, or 200ms where tables are copied)")
	release()
	names, err := schema{files: files, patience: shipped.patience, parts: shipped.parts}.up(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, []string{"20260101000000"}, names)
	assert.Greater(t, shipped.copy, 10*shipped.quick)
}

// narrow makes a table that cannot be altered until release is called.
func narrow(t *testing.T, d *db.DB) (release func()) {
	t.Helper()
	exec(t, d, "CREATE TABLE narrow (id INT NOT NULL PRIMARY KEY, a INT NOT NULL DEFAULT 0) ENGINE=InnoDB", "INSERT INTO narrow (id) VALUES (1)")
	tx, err := d.Writer().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "UPDATE narrow SET id = 2")
	require.NoError(t, err)
	return sync.OnceFunc(func() { assert.NoError(t, tx.Commit()) })
}

// waiting returns when n statements wait for their turn to change a table.
func waiting(t *testing.T, d *db.DB, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var found int
		err := d.Primary().DB.QueryRowContext(t.Context(),
			"SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE '%metadata lock%'").Scan(&found)
		return assert.NoError(t, err) && found == n
	}, time.Minute, 10*time.Millisecond)
}

func TestWhatMayRunTwice(t *testing.T) {
	t.Parallel()
	for text, left := range map[string]string{
		"-- about it\nCREATE TABLE IF NOT EXISTS t (a INT);\n":                        "CREATE TABLE IF NOT EXISTS t (a INT)",
		"alter table `t`\n  add column A decimal(3, 1) NOT NULL,\n  ADD COLUMN n INT": "ALTER TABLE `t` ADD COLUMN `n` INT",
		"ALTER TABLE t ADD COLUMN n VARCHAR(9) DEFAULT ', ADD x(', DROP COLUMN a":     "ALTER TABLE `t` ADD COLUMN `n` VARCHAR(9) DEFAULT ', ADD x(', DROP COLUMN `a`",
		"ALTER TABLE t MODIFY a BIGINT, DROP COLUMN n":                                "ALTER TABLE `t` MODIFY `a` BIGINT",
		"ALTER TABLE t DROP COLUMN n, ADD COLUMN a INT":                               "",
	} {
		steps, err := readSteps(db.MySQL, text)
		require.NoError(t, err, text)
		require.Len(t, steps, 1, text)
		assert.Equal(t, left, steps[0].left(map[string]bool{"a": true}), text)
	}
	for text, only := range map[string]db.Driver{
		"CREATE TABLE t (a INT)": "", "DROP TABLE t": "", "INSERT INTO t VALUES (1)": "", "UPDATE t SET a = a + 1": "", "CREATE INDEX i ON t (a)": "",
		"ALTER TABLE t DROP COLUMN n, RENAME COLUMN a TO b": "", "ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT": "",
		"INSERT OR REPLACE INTO t VALUES (1)": "",
		"INSERT IGNORE INTO t VALUES (1)":     db.MySQL, "INSERT OR IGNORE INTO t VALUES (1)": db.SQLite,
		"CREATE INDEX IF NOT EXISTS i ON t (a)": db.SQLite, "CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)": db.SQLite,
	} {
		for _, driver := range []db.Driver{db.MySQL, db.SQLite} {
			_, err := readSteps(driver, "DROP TABLE IF EXISTS u;\n--bun:split\n"+text)
			if driver == only {
				require.NoError(t, err, text)
			} else {
				require.ErrorContains(t, err, "may not bear to run twice", "%s on %s", text, driver)
			}
		}
	}
	for _, driver := range []db.Driver{db.MySQL, db.SQLite} {
		_, err := shipped.migrations(driver, nil)
		require.NoError(t, err, "no file is of these")
	}
}
