package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func poisonDrop(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "drop RECORD…", Short: "Forget poisoned records", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := recordIDs(args)
			if err != nil {
				return err
			}
			return withMigrated(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				n, err := s.ForgetPoison(ctx, ids)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(stdout, "%d records are forgotten\n", n); err != nil {
					return fmt.Errorf("print how many records are forgotten: %w", err)
				}
				if int(n) < len(ids) {
					return fmt.Errorf("%d of the %d records were not there: %w; \"gochat poison list\" tells which are", len(ids)-int(n), len(ids), store.ErrNotFound)
				}
				return nil
			})
		},
	}
}
