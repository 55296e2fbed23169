package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const searchHelp = `Works on the search index.

    gochat search reindex        make it anew from every stored message

What is stored is brought into the index by the feed role, and what was stored before
there was an index too, by itself. reindex is for when messages are missing in it: the
feed role was away for longer than the queue keeps its messages, or the index came from
a backup that is older than the messages. It is safe while people chat and search; when
it is interrupted, the feed role goes on at its next start.`

func searchCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("search reindex", "Make the search index anew", searchHelp, `"gochat search reindex"`)
	root.AddCommand(migration(cfg, "reindex", "Make the search index anew from every stored message", func(ctx context.Context, d *db.DB) error {
		return reindex(ctx, d, stdout)
	}))
	return root
}

// reindex indexes all messages in steps, each in its own transaction, so that servers can write in between.
func reindex(ctx context.Context, d *db.DB, w io.Writer) error {
	const step, often = 64, 100
	if err := sqlstore.CheckMigrated(ctx, d); err != nil {
		return err
	}
	s := sqlstore.New(d)
	if err := s.RestartBackfill(ctx); err != nil {
		return err
	}
	total := 0
	for n := 1; ; n++ {
		blocks, done, err := s.Backfill(ctx, step)
		if err != nil {
			return err
		}
		total += blocks
		if n%often != 0 && !done {
			continue
		}
		word := "so far"
		if done {
			word = "done"
		}
		if _, err := fmt.Fprintf(w, "%s: %d blocks of up to %d messages\n", word, total, store.BlockSize); err != nil {
			return fmt.Errorf("print how far the search index is: %w", err)
		}
		if done {
			return nil
		}
	}
}
