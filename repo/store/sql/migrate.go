package sqlstore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

//go:embed migrations
var migrationFiles embed.FS

// migrationsTable is where bun notes which migrations were applied.
const migrationsTable = "bun_migrations"

// migrateTimeout bounds one run of the migrations.
const migrateTimeout = 5 * time.Minute

// Migrate brings the schema to this program's version and returns the names
// of the migrations that it applied. It is safe at every start and from many
// processes at once. store.ErrNewerSchema, before anything is changed, when
// the database has a migration that this program does not know.
func Migrate(ctx context.Context, d *db.DB) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	known, err := migrations(d.Driver())
	if err != nil {
		return nil, err
	}
	m := migrate.NewMigrator(d.Writer(), known, migrate.WithMarkAppliedOnSuccess(true), migrate.WithUpsert(true))
	if err := refuseNewer(ctx, d, m); err != nil {
		return nil, err
	}
	unlock, err := lockSchema(ctx, d)
	if err != nil {
		return nil, err
	}
	group, err := runMigrations(ctx, m)
	if uerr := unlock(); uerr != nil && err == nil {
		err = uerr
	}
	if err != nil {
		return nil, fmt.Errorf("migrate the schema: %w", err)
	}
	names := make([]string, len(group.Migrations))
	for i, one := range group.Migrations {
		names[i] = one.Name
	}
	return names, nil
}

func runMigrations(ctx context.Context, m *migrate.Migrator) (*migrate.MigrationGroup, error) {
	if err := m.Init(ctx); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return m.Migrate(ctx)
}

func migrations(driver db.Driver) (*migrate.Migrations, error) {
	sub, err := fs.Sub(migrationFiles, "migrations/"+string(driver))
	if err != nil {
		return nil, fmt.Errorf("open the migrations: %w", err)
	}
	known := migrate.NewMigrations()
	if err := known.Discover(sub); err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return known, nil
}

func refuseNewer(ctx context.Context, d *db.DB, m *migrate.Migrator) error {
	there, err := tableExists(ctx, d, migrationsTable)
	if err != nil || !there {
		return err
	}
	unknown, err := m.MissingMigrations(ctx)
	if err != nil {
		return fmt.Errorf("read the applied migrations: %w", err)
	}
	if len(unknown) > 0 {
		return fmt.Errorf("%w: migration %s is applied and unknown here", store.ErrNewerSchema, unknown[0].Name)
	}
	return nil
}

func tableExists(ctx context.Context, d *db.DB, table string) (bool, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
	if d.Driver() == db.MySQL {
		query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
	}
	var n int
	if err := d.Writer().DB.QueryRowContext(ctx, query, table).Scan(&n); err != nil {
		return false, fmt.Errorf("look for table %s: %w", table, err)
	}
	return n > 0, nil
}

// lockSchema keeps other processes from migrating at the same time. MySQL
// drops the lock with the connection, so a crash leaves none behind. SQLite
// needs none: each migration is one transaction that may run twice.
func lockSchema(ctx context.Context, d *db.DB) (unlock func() error, err error) {
	if d.Driver() != db.MySQL {
		return func() error { return nil }, nil
	}
	conn, err := d.Writer().Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock the schema: %w", err)
	}
	var got int
	if err := conn.Conn.QueryRowContext(ctx, "SELECT COALESCE(GET_LOCK('gochat-migrate', 120), 0)").Scan(&got); err != nil || got != 1 {
		return nil, fmt.Errorf("lock the schema: %w", joinClose(err, conn))
	}
	return func() error {
		if _, err := conn.Conn.ExecContext(ctx, "DO RELEASE_LOCK('gochat-migrate')"); err != nil {
			return fmt.Errorf("unlock the schema: %w", joinClose(err, conn))
		}
		return conn.Close()
	}, nil
}

func joinClose(err error, conn bun.Conn) error {
	if err == nil {
		err = fmt.Errorf("another process holds it")
	}
	if cerr := conn.Close(); cerr != nil {
		return fmt.Errorf("%w (and closing: %w)", err, cerr)
	}
	return err
}
