package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const epochHelp = `Tells clients that the store went back to an earlier state.

    gochat epoch new        after an older copy of the database was put back by hand

Clients may have messages that the copy has not, and numbers that are given again. With
another epoch they take everything anew, from hello and from their next sync. What a
Redis (kv.addrs) remembers of messages that are gone is forgotten with it, and so it has
to answer.

Stop every gochat first, put the copy back, run this, and start again. A whole data
directory that was put back has the message queue (queue in it) of the same moment: keep
it. Where only the database was put back, the queue is of the newer state: remove it.`

func epochCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("epoch new", "Tell clients that an older copy of the store was put back", epochHelp, `"gochat epoch new"`)
	root.AddCommand(migration(cfg, "new", "Give the store another epoch", stopped(cfg, func(ctx context.Context, d *db.DB) error {
		return newEpoch(ctx, cfg, d, stdout)
	})))
	return root
}

// newEpoch empties the cache and then changes the store's epoch. In this order a run that was
// stopped in between can be repeated; it would leave an old cache under a new epoch otherwise.
func newEpoch(ctx context.Context, cfg *app.Config, d *db.DB, w io.Writer) error {
	if err := sqlstore.CheckMigrated(ctx, d); err != nil {
		return err
	}
	forgotten := 0
	if len(cfg.KV.Addrs) > 0 {
		var err error
		if forgotten, err = repo.ForgetCache(ctx, cfg.KV); err != nil {
			return err
		}
	}
	epoch, err := sqlstore.New(d).NewEpoch(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "the store's epoch is %s now; %d entries of the cache were forgotten\n", epoch, forgotten); err != nil {
		return fmt.Errorf("print the new epoch: %w", err)
	}
	return nil
}
