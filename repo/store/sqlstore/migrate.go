package sqlstore

import (
	"context"
	"crypto/md5" //nolint:gosec // for the name of a lock
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/gochat/gochat/infra/db"
)

//go:embed migrations
var migrationFiles embed.FS

// migrationsTable is where bun notes which migrations were applied.
const migrationsTable = "bun_migrations"

// ErrPending says that the schema needs migrations.
var ErrPending = errors.New("the schema needs migrations")

// Migrate brings the schema to this program's version and returns the names
// of the migrations that it applied. It is safe at every start and from many
// processes at once, also on a schema that a newer program has brought further. What a killed
// process left undone, the next call does. A migration that changes a large table takes as long
// as the server copies the table, up to a day; a copy in parts logs its progress.
// store.ErrNewerSchema, before anything is changed, when this program cannot work with the schema;
// see Newer.
func Migrate(ctx context.Context, d *db.DB) ([]string, error) { return shipped.up(ctx, d) }

// Rollback undoes the migrations that were applied last, together, and returns
// their names; none when none is applied. What was stored in the tables that they
// had made is gone. store.ErrNewerSchema, before anything is changed, when one is applied
// that this program does not know.
func Rollback(ctx context.Context, d *db.DB) ([]string, error) { return shipped.down(ctx, d) }

// schema is migrations to run, and how long they may take.
type schema struct {
	files fs.FS // migrations/<driver>/*.sql
	patience
	parts
}

var shipped = schema{files: migrationFiles, patience: patience{quick: 5 * time.Minute, copy: 24 * time.Hour}, parts: parts{rows: 50_000, tell: 2 * time.Second}}

func (s schema) up(ctx context.Context, d *db.DB) ([]string, error) {
	return s.exclusively(ctx, d, func(ctx context.Context, m *migrate.Migrator) (*migrate.MigrationGroup, error) {
		if _, err := Newer(ctx, d); err != nil {
			return nil, err
		}
		if err := m.Init(ctx); err != nil {
			return nil, fmt.Errorf("prepare: %w", err)
		}
		return m.Migrate(ctx)
	})
}

func (s schema) down(ctx context.Context, d *db.DB) ([]string, error) {
	return s.exclusively(ctx, d, func(ctx context.Context, m *migrate.Migrator) (*migrate.MigrationGroup, error) {
		if err := refuseUnknown(ctx, d); err != nil {
			return nil, err
		}
		if there, err := tableExists(ctx, d, migrationsTable); err != nil || !there {
			return &migrate.MigrationGroup{}, err
		}
		group, err := m.Rollback(ctx)
		if group != nil {
			slices.Reverse(group.Migrations) // as they were undone
		}
		return group, err
	})
}

// MigrationState is a migration and when it was applied; the zero time: it was not.
type MigrationState struct {
	Name      string
	AppliedAt time.Time
	// Run is the same for migrations that were applied together, and higher for later ones; 0: the
	// migration is not applied.
	Run int64
	// Unknown: the migration is of a newer program.
	Unknown bool
	// Breaks: the migration is unknown, and programs that do not know it cannot work with the
	// schema. It may not be applied yet.
	Breaks bool
}

// MigrationStatus lists the migrations that this program or the database knows, in
// their order. It changes nothing.
func MigrationStatus(ctx context.Context, d *db.DB) ([]MigrationState, error) {
	known, err := shipped.migrations(d.Driver(), nil)
	if err != nil {
		return nil, err
	}
	applied := map[string]MigrationState{}
	there, err := tableExists(ctx, d, migrationsTable)
	if err != nil {
		return nil, err
	}
	if there {
		list, err := newMigrator(d.Writer(), known).AppliedMigrations(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the applied migrations: %w", err)
		}
		for _, one := range list {
			applied[one.Name] = MigrationState{Name: one.Name, AppliedAt: one.MigratedAt, Run: one.GroupID, Unknown: true}
		}
	}
	states := maps.Clone(applied)
	for _, one := range known.Sorted() {
		states[one.Name] = MigrationState{Name: one.Name, AppliedAt: applied[one.Name].AppliedAt, Run: applied[one.Name].Run}
	}
	if err := breaks(ctx, d, known, states); err != nil {
		return nil, err
	}
	out := slices.Collect(maps.Values(states))
	slices.SortFunc(out, func(a, b MigrationState) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// CheckMigrated returns ErrPending when a migration is not applied, and
// store.ErrNewerSchema when this program cannot work with what a newer one applied.
func CheckMigrated(ctx context.Context, d *db.DB) error {
	list, err := MigrationStatus(ctx, d)
	if err != nil {
		return err
	}
	if _, err := newer(list); err != nil {
		return err
	}
	for _, one := range list {
		if one.AppliedAt.IsZero() {
			return fmt.Errorf("%w: %s is not applied; run \"gochat migrate up\", or set db.auto_migrate", ErrPending, one.Name)
		}
	}
	return nil
}

func newMigrator(pool *bun.DB, known *migrate.Migrations) *migrate.Migrator {
	return migrate.NewMigrator(pool, known, migrate.WithMarkAppliedOnSuccess(true), migrate.WithUpsert(true))
}

// exclusively lets one process at a time change the schema, and returns the names
// of the migrations that run reports.
func (s schema) exclusively(ctx context.Context, d *db.DB, run func(context.Context, *migrate.Migrator) (*migrate.MigrationGroup, error)) (names []string, err error) {
	limit := s.patience
	if d.Driver() != db.MySQL {
		limit.quick = limit.copy // a migration is one step there
	}
	ctx, w, stop := limit.start(ctx, s.parts, d.Log())
	defer stop()
	known, err := s.migrations(d.Driver(), w)
	if err != nil {
		return nil, err
	}
	pool, closed, err := d.Patient()
	if err != nil {
		return nil, fmt.Errorf("migrate the schema: %w", err)
	}
	defer func() { err = errors.Join(err, closed()) }()
	m := newMigrator(pool, known)
	unlock, err := lockSchema(ctx, d, pool)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	w.next(false)
	group, err := run(ctx, m)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, context.DeadlineExceeded) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	if err != nil {
		return nil, fmt.Errorf("migrate the schema: %w", transient(err))
	}
	for _, one := range group.Migrations {
		names = append(names, one.Name)
	}
	return names, nil
}

// migrations reads those of a driver.
func (s schema) migrations(driver db.Driver, w *watch) (*migrate.Migrations, error) {
	files, err := fs.Sub(s.files, "migrations/"+string(driver))
	if err != nil {
		return nil, fmt.Errorf("open the migrations: %w", err)
	}
	known := migrate.NewMigrations()
	if err := known.Discover(files); err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	stepwise := migrate.NewMigrations()
	for _, one := range known.Sorted() {
		if one.Up, err = inSteps(driver, files, one, "up", w); err == nil {
			one.Down, err = inSteps(driver, files, one, "down", w)
		}
		if err != nil {
			return nil, fmt.Errorf("read the migrations: %w", err)
		}
		stepwise.Add(one)
	}
	return stepwise, nil
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

// lockSchema keeps other processes from migrating the same database at the same
// time. MySQL drops the lock with the connection, so a crash leaves none behind.
// SQLite needs none: each migration is one transaction, whose steps may run twice.
func lockSchema(ctx context.Context, d *db.DB, pool *bun.DB) (unlock func() error, err error) {
	if d.Driver() != db.MySQL {
		return func() error { return nil }, nil
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock the schema: %w", err)
	}
	var database, name string
	var got int
	err = conn.Conn.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database)
	if err == nil {
		// The connection is silent until the end, and would be cut off after wait_timeout.
		_, err = conn.Conn.ExecContext(ctx, "SET SESSION wait_timeout = 604800")
	}
	if err == nil {
		// Names may have 64 characters. MySQL has no MD5 any more.
		name = fmt.Sprintf("gochat-migrate-%x", md5.Sum([]byte(database))) //nolint:gosec // nobody gains by a collision
		err = conn.Conn.QueryRowContext(ctx, "SELECT COALESCE(GET_LOCK(?, 120), 0)", name).Scan(&got)
	}
	if err == nil && got != 1 {
		err = errors.New("another process has been migrating for two minutes")
	}
	if err != nil {
		return nil, fmt.Errorf("lock the schema: %w", errors.Join(err, conn.Close()))
	}
	return func() error {
		_, err := conn.Conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(?)", name)
		if err = errors.Join(err, conn.Close()); err != nil {
			return fmt.Errorf("unlock the schema: %w", err)
		}
		return nil
	}, nil
}
