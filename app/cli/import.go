package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/idgen"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/store/sqlstore"
	"github.com/gochat/gochat/repo/transfer"
)

const importHelp = `Stores what "gochat export" wrote in a new database, embedded or MySQL, whichever the
settings name:

    GOCHAT_DB_DRIVER=mysql GOCHAT_DB_DSN=… gochat import --from DIR

No gochat may run on that database, and nothing may be in it. Ids, numbers, keys of clients,
times and read positions stay as they are. When it is interrupted, run it again: it goes on
where it was, and no gochat starts on the database before it is finished. At the end all of
it is read back and compared with the export, and checked as "gochat verify" does.

The store has an epoch of its own: clients of the one that was exported take everything anew.
Exit code 0: everything is there, and whole.`

func importCommand(cfg *app.Config, stdout, stderr io.Writer) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use: "import --from DIR", Short: "Store an export in a new database", Long: importHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return usageError{errors.New("say where from, by --from DIR")}
			}
			m, err := transfer.ReadManifest(from)
			if err != nil {
				return err // before a database is made
			}
			return withStore(cmd, cfg, true, func(d *db.DB) error {
				return stopped(cfg, func(ctx context.Context, d *db.DB) error {
					if err := transfer.Vacant(ctx, d, m); err != nil {
						return err // before the schema and the cache of a system in use are changed
					}
					return runImport(ctx, cfg, d, from, stdout, stderr)
				})(cmd.Context(), d)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "directory that gochat export wrote")
	return cmd
}

func runImport(ctx context.Context, cfg *app.Config, d *db.DB, from string, stdout, stderr io.Writer) error {
	if _, err := sqlstore.Migrate(ctx, d); err != nil {
		return err
	}
	if len(cfg.KV.Addrs) > 0 { // the entries in Redis are of another database
		if _, err := repo.ForgetCache(ctx, cfg.KV); err != nil {
			return err
		}
	}
	started, tell := time.Now(), newProgress(stderr, "imported")
	m, err := transfer.Import(ctx, d, from, tell.tell)
	if err := errors.Join(err, tell.err); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "export %s: all %d rows of %d tables are in the database and the same, after %.1f s\n",
		m.ID, m.Rows(), len(m.Tables), time.Since(started).Seconds()); err != nil {
		return fmt.Errorf("print what was imported: %w", err)
	}
	if err := warnAhead(ctx, d, stdout); err != nil {
		return err
	}
	return runVerify(ctx, d, false, stdout)
}

// warnAhead warns when the newest imported id has a time in the future of this clock: until then, a process of the
// new system that leases the same worker id could make an imported id again.
func warnAhead(ctx context.Context, d *db.DB, w io.Writer) error {
	newest, err := sqlstore.New(d).NewestID(ctx)
	if err != nil {
		return err
	}
	ids, err := idgen.New(idgen.Config{})
	if err != nil {
		return err
	}
	if behind := ids.After(newest); behind > 0 {
		if _, err := fmt.Fprintf(w, "the newest id is of a clock that was %s ahead of this one: start no gochat until that time has passed\n", behind.Round(time.Second)); err != nil {
			return fmt.Errorf("print how far ids are ahead: %w", err)
		}
	}
	return nil
}
