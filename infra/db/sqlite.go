package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"

	"github.com/gochat/gochat/infra/private"
)

// quickCheckMax is the largest file that is checked whole at the start, which takes a fraction of a second at
// that size.
const quickCheckMax = 32 << 20

func (d *DB) openSQLite(ctx context.Context, cfg Config) error {
	d.name = cfg.Path
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the database: %w", err)
	}
	// SQLite gives its log and its shared memory the mode of the database.
	if err := errors.Join(private.File(cfg.Path), private.Existing(cfg.Path+"-wal", cfg.Path+"-shm")); err != nil {
		return fmt.Errorf("the database cannot be used: %w", err)
	}
	// SQLite takes everything in its log for committed, even what a killed process had not synced: so it is
	// synced first.
	if err := errors.Join(private.SyncAbove(cfg.Path), private.Settle(cfg.Path+"-wal")); err != nil {
		return fmt.Errorf("the database cannot be used: %w", err)
	}
	writer, err := cfg.sqlitePool(false)
	if err != nil {
		return err
	}
	writer.SetMaxOpenConns(1)
	d.writer = d.wrapSQLite(writer)
	if err := d.probeSQLite(ctx); err != nil {
		return err
	}
	readers, err := cfg.sqlitePool(true)
	if err != nil {
		return err
	}
	readers.SetMaxOpenConns(cfg.Readers)
	readers.SetMaxIdleConns(cfg.Readers)
	d.primary = d.wrapSQLite(readers)
	return d.ping(ctx, d.primary)
}

func (c Config) sqlitePool(readOnly bool) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(sqliteDSN(c, readOnly))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Path, err)
	}
	return told(c.Told, connector), nil
}

func (d *DB) wrapSQLite(pool *sql.DB) *bun.DB {
	b := newBun(pool, sqlitedialect.New())
	return b.WithQueryHook(d.hook)
}

// sqliteDSN sets what each connection needs. synchronous=FULL makes a commit in the write-ahead log durable.
// Checkpoints are larger and rarer than by default, since each of them stops the writer. A message touches
// rows and index entries in pages all over the file, and each page is copied, summed and written as a whole: with
// pages of half the usual size a message takes a fourth fewer bytes, and less CPU. An existing file keeps its page size.
func sqliteDSN(cfg Config, readOnly bool) string {
	q := url.Values{}
	q.Set("_busy_timeout", fmt.Sprint(cfg.BusyTimeout.Milliseconds()))
	// Not as a pragma: the driver runs pragmas in the order of their names, and page_size has no effect on a file that
	// has a journal mode.
	q.Set("_journal_mode", "WAL")
	for _, p := range []string{
		"page_size(2048)", "synchronous(FULL)", "temp_store(MEMORY)", "wal_autocheckpoint(32000)",
		fmt.Sprintf("mmap_size(%d)", 256<<20), fmt.Sprintf("cache_size(-%d)", 64<<10),
	} {
		q.Add("_pragma", p)
	}
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Set("_txlock", "immediate")
	}
	return "file:" + (&url.URL{Path: cfg.Path}).EscapedPath() + "?" + q.Encode()
}

// probeSQLite finds a damaged file before anything is written to it.
func (d *DB) probeSQLite(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var tables int
	if err := d.writer.DB.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return fmt.Errorf("read %s: %w", d.name, d.classify(err))
	}
	info, err := os.Stat(d.name)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if info.Size() > quickCheckMax {
		return nil
	}
	var verdict string
	if err := d.writer.DB.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check %s: %w", d.name, d.classify(err))
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s: %s", ErrDamaged, d.name, verdict)
	}
	return nil
}
