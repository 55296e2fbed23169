package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const retentionHelp = `Messages are kept for ever, or for as long as retention.single, retention.group and
retention.world say for conversations of that kind. A conversation may have a time of its own:

    gochat retention show                            the settings, and who has another time
    gochat retention show group_7                    how long one keeps its messages, and how far that has got
    gochat retention set group_7 720h                30 days
    gochat retention set group_7 forever
    gochat retention clear group_7                   as long as others of its kind

All of them work on the database; the server may run meanwhile, and the janitor does it within
retention.interval. What has expired does not come back, whatever is set later.`

// forever is the word for a retention without an end.
const forever = "forever"

func retentionCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("retention set|show|clear", "Say how long a conversation keeps its messages", retentionHelp, `"gochat retention show", "set" or "clear"`)
	root.AddCommand(retentionShow(cfg, stdout), retentionSet(cfg, stdout), retentionClear(cfg, stdout))
	return root
}

// withRetention calls work with the store, once its schema has the columns of retention.
func withRetention(cmd *cobra.Command, cfg *app.Config, work func(context.Context, *sqlstore.Store) error) error {
	return withStore(cmd, cfg, false, func(d *db.DB) error {
		if err := sqlstore.CheckMigrated(cmd.Context(), d); err != nil {
			return fmt.Errorf("the server has to start once, or \"gochat migrate up\": %w", err)
		}
		return work(cmd.Context(), sqlstore.New(d))
	})
}

// ofKind returns the configured retention of a kind of conversation; 0 is for ever.
func ofKind(cfg *app.Config, kind store.Type) time.Duration {
	return store.Keep{Single: cfg.Retention.Single, Group: cfg.Retention.Group, World: cfg.Retention.World}.Of(kind)
}

func keptFor(d time.Duration) string {
	if d == 0 {
		return forever
	}
	return d.String()
}
