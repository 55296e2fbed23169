package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/backup"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const migrateHelp = `Brings the schema of the database up to date, or back, or says how it stands.

    gochat migrate status        every migration, and when it was applied
    gochat migrate up            apply what is missing; safe while others do the same
    gochat migrate down --yes    undo what was applied last, WITH WHAT IS STORED IN IT

The storage role does "up" by itself when it starts, unless db.auto_migrate is false.
A schema that a newer gochat has brought further is worked with, unless a migration says
that older programs cannot; "down" is left to the newer one then.
Exit code of status: 0 when nothing is missing and this gochat can work, 1 otherwise.`

func migrateCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("migrate up|down|status", "Bring the schema of the database up to date, or back", migrateHelp, `"gochat migrate up", "down" or "status"`)
	var yes bool
	undo := stopped(cfg, func(ctx context.Context, d *db.DB) error {
		names, err := sqlstore.Rollback(ctx, d)
		return report(stdout, names, "undone", "nothing is applied", err)
	})
	down := migration(cfg, "down", "Undo the migrations that were applied last", func(ctx context.Context, d *db.DB) error {
		if !yes {
			last, err := lastMigrations(ctx, d)
			if err != nil {
				return err
			}
			return usageError{fmt.Errorf("this would undo %s, and drop what is stored in its tables and columns; make a backup, then say --yes", last)}
		}
		return undo(ctx, d)
	})
	down.Flags().BoolVar(&yes, "yes", false, "really drop what is stored")
	root.AddCommand(down,
		migration(cfg, "up", "Apply the migrations that are missing", func(ctx context.Context, d *db.DB) error {
			names, err := sqlstore.Migrate(ctx, d)
			if err := report(stdout, names, "applied", "the schema is up to date", err); err != nil {
				return err
			}
			return reportNewer(ctx, d, stdout)
		}),
		migration(cfg, "status", "List the migrations", func(ctx context.Context, d *db.DB) error {
			return migrationStatus(ctx, d, stdout)
		}))
	return root
}

// migration is a command that works on the configured database.
func migration(cfg *app.Config, use, short string, run func(context.Context, *db.DB) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, cfg, use == "up", func(d *db.DB) error { return run(cmd.Context(), d) })
		},
	}
}

// stopped lets run work on a store that no running process has: of an embedded one the data directory is
// taken, as a start does.
func stopped(cfg *app.Config, run func(context.Context, *db.DB) error) func(context.Context, *db.DB) error {
	return func(ctx context.Context, d *db.DB) (err error) {
		if cfg.DB.Driver != db.MySQL {
			dir, openErr := app.OpenDataDir(cfg.DataDir)
			if openErr != nil {
				return openErr
			}
			defer func() { err = errors.Join(err, dir.Close()) }()
		}
		return run(ctx, d)
	}
}

// withStore loads the configuration and lets work work on the store, which has to be
// there unless it may be made anew.
func withStore(cmd *cobra.Command, cfg *app.Config, fresh bool, work func(*db.DB) error) (err error) {
	if _, err := loadConfig(cmd, cfg); err != nil {
		return err
	}
	c := cfg.DB
	if c.Driver != db.MySQL {
		c.Path = cfg.DBPath(cfg.DataDir)
		if err := backup.Cut(cfg.DataDir); err != nil {
			return err // before a database is opened that is neither the old one nor the new
		}
		if _, err := os.Stat(c.Path); err != nil && !fresh {
			return fmt.Errorf("there is no store at %s; name the data directory by --data-dir, or, for one on MySQL, the settings of a server by --config or GOCHAT_DB_DRIVER=mysql: %w", c.Path, app.Cause(err))
		}
	}
	d, err := db.Open(cmd.Context(), c, zap.NewNop())
	if err != nil {
		return app.Explain(err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return app.Explain(work(d))
}

// report prints what was done with migrations, or that there was nothing to do.
func report(w io.Writer, names []string, done, nothing string, err error) error {
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := fmt.Fprintln(w, done, name); err != nil {
			return fmt.Errorf("print what was %s: %w", done, err)
		}
	}
	if len(names) == 0 {
		if _, err := fmt.Fprintln(w, nothing); err != nil {
			return fmt.Errorf("print what was %s: %w", done, err)
		}
	}
	return nil
}

// reportNewer says which migrations are of a newer program, if any are.
func reportNewer(ctx context.Context, d *db.DB, w io.Writer) error {
	unknown, err := sqlstore.Newer(ctx, d)
	if err != nil || len(unknown) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(w, "a newer gochat applied %s; this one works beside it\n", strings.Join(unknown, ", ")); err != nil {
		return fmt.Errorf("print the migrations of a newer gochat: %w", err)
	}
	return nil
}

// lastMigrations names those that were applied together last, which "down" would undo.
func lastMigrations(ctx context.Context, d *db.DB) (string, error) {
	list, err := sqlstore.MigrationStatus(ctx, d)
	if err != nil {
		return "", err
	}
	run := int64(0)
	for _, one := range list {
		run = max(run, one.Run)
	}
	var names []string
	for _, one := range list {
		if run > 0 && one.Run == run {
			names = append(names, one.Name)
		}
	}
	if len(names) == 0 {
		return "nothing", nil
	}
	return strings.Join(names, ", "), nil
}

// errPending ends status with exit code 1 after its list.
var errPending = errors.New(`migrations are pending; "gochat migrate up" applies them`)

func migrationStatus(ctx context.Context, d *db.DB, w io.Writer) error {
	list, err := sqlstore.MigrationStatus(ctx, d)
	if err != nil {
		return err
	}
	pending := false
	for _, one := range list {
		state := "applied " + one.AppliedAt.UTC().Format(time.DateTime)
		switch {
		case one.Breaks:
			state = "of a newer gochat, with which this one cannot work"
		case one.Unknown:
			state += ", of a newer gochat, beside which this one works"
		case one.AppliedAt.IsZero():
			state, pending = "pending", true
		}
		if _, err := fmt.Fprintf(w, "%-30s %s\n", one.Name, state); err != nil {
			return fmt.Errorf("print the migrations: %w", err)
		}
	}
	if _, err := sqlstore.Newer(ctx, d); err != nil {
		return err
	}
	if pending {
		return errPending
	}
	return nil
}
