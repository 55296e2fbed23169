package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const poisonHelp = `Poisoned records are those of the message queue that can never be handled: the janitor
keeps them in the database, whatever the queue is, until somebody decides.

    gochat poison list                  what was given up, and why
    gochat poison show 7                all that is known of one, without what people wrote
    gochat poison show 7 --content      with it
    gochat poison requeue 7 8           put back into their topics, once their reason is gone
    gochat poison drop 7                forget them

All of them work on the database; the server may run meanwhile. What is to be put back goes
within seconds of a running server, or after its next start. A record whose sender was told
that it will never be stored is not put back: the sender may have sent it anew.`

func poisonCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("poison list|show|requeue|drop", "See what the message queue gave up, put it back or forget it", poisonHelp, `"gochat poison list", "show", "requeue" or "drop"`)
	root.AddCommand(poisonList(cfg, stdout), poisonShow(cfg, stdout), poisonRequeue(cfg, stdout), poisonDrop(cfg, stdout))
	return root
}

// withMigrated calls work with the store, and fails when the schema lacks migrations.
func withMigrated(cmd *cobra.Command, cfg *app.Config, work func(context.Context, *sqlstore.Store) error) error {
	return withStore(cmd, cfg, false, func(d *db.DB) error {
		if err := sqlstore.CheckMigrated(cmd.Context(), d); err != nil {
			return fmt.Errorf("the server has to start once, or \"gochat migrate up\": %w", err)
		}
		return work(cmd.Context(), sqlstore.New(d))
	})
}

// recordIDs parses the record numbers of a command line; another word is a usageError.
func recordIDs(args []string) ([]int64, error) {
	ids := make([]int64, len(args))
	for i, a := range args {
		id, err := strconv.ParseInt(a, 10, 64)
		if err != nil || id < 1 {
			return nil, usageError{fmt.Errorf("%q is no record's number; \"gochat poison list\" tells them", a)}
		}
		ids[i] = id
	}
	return ids, nil
}
