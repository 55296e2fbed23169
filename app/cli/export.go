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
	"github.com/gochat/gochat/repo/store/sqlstore"
	"github.com/gochat/gochat/repo/transfer"
)

const exportHelp = `Writes everything that is stored as lines of JSON (NDJSON), a file for each table, with
ids, numbers, keys of clients, times and read positions as they are. "gochat import" reads
it, into another kind of database, too.

    gochat export --out DIR      DIR is made, or is empty
    gochat export --out -        one stream on stdout, for other programs: {"table": …, "row": {…}}

It is of one moment; the server may run meanwhile, and what comes in later is not in it.
To move, end the server first. It is written anew from the beginning when it was interrupted.

The hashes of passwords and all messages are in it: the files are for their owner alone
(mode 0600). The keys that sign tokens are not. What is accepted and not stored yet is in
the message queue, and not in it either: end the server by SIGTERM, which stores it.`

func exportCommand(cfg *app.Config, stdout, stderr io.Writer) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "export --out DIR|-", Short: "Write everything that is stored as lines of JSON", Long: exportHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError{errors.New("say where to, by --out DIR, or --out - for stdout")}
			}
			return withStore(cmd, cfg, false, func(d *db.DB) error { return runExport(cmd.Context(), d, out, stdout, stderr) })
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "directory to write to; - is stdout")
	return cmd
}

func runExport(ctx context.Context, d *db.DB, out string, stdout, stderr io.Writer) error {
	if err := errors.Join(sqlstore.CheckMigrated(ctx, d), transfer.Pending(ctx, d)); err != nil {
		return err
	}
	started, tell := time.Now(), newProgress(stderr, "exported")
	program := app.ThisBuild().String()
	if out == "-" {
		_, err := transfer.ExportStream(ctx, d, stdout, program, tell.tell)
		return errors.Join(err, tell.err)
	}
	m, err := transfer.ExportDir(ctx, d, out, program, tell.tell)
	if err := errors.Join(err, tell.err); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "export %s: %d rows in %d tables are in %s, after %.1f s\n",
		m.ID, m.Rows(), len(m.Tables), out, time.Since(started).Seconds()); err != nil {
		return fmt.Errorf("print what was exported: %w", err)
	}
	return nil
}
