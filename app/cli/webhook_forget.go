package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func webhookForget(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "forget NAME", Args: cobra.ExactArgs(1),
		Short: "Forget how far a hook has got; one of this name begins anew with the next start",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withHooks(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				q := question{yes: yes, in: cmd.InOrStdin(), out: stdout}
				if err := q.ask(fmt.Sprintf("How far hook %s has got in every conversation is to be forgotten.", args[0])); err != nil {
					return err
				}
				if err := s.ForgetHook(ctx, args[0]); err != nil {
					return explainHook(err)
				}
				return q.tell("It is forgotten.\n")
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}
