package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func poisonRequeue(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "requeue RECORD…", Short: "Put poisoned records back into their topics", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := recordIDs(args)
			if err != nil {
				return err
			}
			return withMigrated(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				for _, id := range ids { // one record that cannot go back refuses all
					r, err := s.PoisonRecord(ctx, id)
					switch {
					case err != nil:
						return err
					case r.Told == contracts.ToldRejected:
						return fmt.Errorf("record %d is not put back: its sender was told that the message will never be stored, and may have sent it anew", id)
					case r.Topic == "":
						return fmt.Errorf("record %d is not put back: it does not say from which topic it came", id)
					case len(r.Payload) == 0:
						return fmt.Errorf("record %d is not put back: its payload did not fit into the poison topic and is lost", id)
					}
				}
				if _, err := s.RequeuePoison(ctx, ids, time.Now()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(stdout, "%d records go back within seconds of a running server\n", len(ids))
				return err
			})
		},
	}
}
