package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// overridesListed bounds the list of conversations with a retention of their own.
const overridesListed = 1000

func retentionShow(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "show [CONVERSATION]", Short: "Tell how long messages are kept", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withRetention(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				if len(args) == 1 {
					state, err := s.RetentionOf(ctx, args[0])
					if err != nil {
						return err
					}
					return showRetention(stdout, cfg, state)
				}
				list, err := s.RetentionOverrides(ctx, overridesListed)
				if err != nil {
					return err
				}
				return listRetention(stdout, cfg, list)
			})
		},
	}
}

func showRetention(stdout io.Writer, cfg *app.Config, r store.RetentionState) error {
	keep, why := ofKind(cfg, r.Type), "as others of its kind"
	if r.Override != nil {
		keep, why = *r.Override, "its own"
	}
	_, err := fmt.Fprintf(stdout, "%s keeps its messages: %s (%s)\nexpired: %d of %d messages\n", r.ConversationID, keptFor(keep), why, r.Expired, r.LastSeq)
	if err != nil {
		return fmt.Errorf("print how long messages are kept: %w", err)
	}
	return nil
}

func listRetention(stdout io.Writer, cfg *app.Config, list []store.RetentionState) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintf(w, "CONVERSATION\tKEEPS\tEXPIRED\tOF\nevery single chat\t%s\t\t\nevery group\t%s\t\t\nworld\t%s\t\t\n",
		keptFor(cfg.Retention.Single), keptFor(cfg.Retention.Group), keptFor(cfg.Retention.World))
	errs := []error{err}
	for _, r := range list {
		_, err := fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", r.ConversationID, keptFor(*r.Override), r.Expired, r.LastSeq)
		errs = append(errs, err)
	}
	errs = append(errs, w.Flush())
	if len(list) == overridesListed {
		_, err := fmt.Fprintf(stdout, "there may be more than these %d\n", overridesListed)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
