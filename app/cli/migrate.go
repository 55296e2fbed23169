package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
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

// migration returns a command without arguments that runs on the configured database.
func migration(cfg *app.Config, use, short string, run func(context.Context, *db.DB) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, cfg, use == "up", func(d *db.DB) error { return run(cmd.Context(), d) })
		},
	}
}

// report prints the names of the migrations that were changed, or nothing when there are none.
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

// lastMigrations returns the names of the migrations that "down" would undo: those of the last run of "up".
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
