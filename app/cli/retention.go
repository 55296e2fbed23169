package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
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

// forever is how people write that nothing expires.
const forever = "forever"

func retentionCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("retention set|show|clear", "Say how long a conversation keeps its messages", retentionHelp, `"gochat retention show", "set" or "clear"`)
	root.AddCommand(retentionShow(cfg, stdout), retentionSet(cfg, stdout), retentionClear(cfg, stdout))
	return root
}

// withRetention lets work work on a store that knows how long messages are kept.
func withRetention(cmd *cobra.Command, cfg *app.Config, work func(context.Context, *sqlstore.Store) error) error {
	return withStore(cmd, cfg, false, func(d *db.DB) error {
		if err := sqlstore.CheckMigrated(cmd.Context(), d); err != nil {
			return fmt.Errorf("the server has to start once, or \"gochat migrate up\": %w", err)
		}
		return work(cmd.Context(), sqlstore.New(d))
	})
}

// overridesListed bounds a list.
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

// ofKind is what the settings say of a kind of conversation.
func ofKind(cfg *app.Config, kind store.Type) time.Duration {
	return store.Keep{Single: cfg.Retention.Single, Group: cfg.Retention.Group, World: cfg.Retention.World}.Of(kind)
}

func keptFor(d time.Duration) string {
	if d == 0 {
		return forever
	}
	return d.String()
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

// keepTime reads a time of the command line.
func keepTime(text string) (time.Duration, error) {
	if text == forever {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second {
		return 0, usageError{fmt.Errorf("%q is no time: 720h, 90m, at least 1s, or %s", text, forever)}
	}
	return d, nil
}

func retentionSet(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "set CONVERSATION TIME", Short: "Give a conversation a time of its own", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			keep, err := keepTime(args[1])
			if err != nil {
				return err
			}
			return changeRetention(cmd, cfg, stdout, args[0], &keep)
		},
	}
}

func retentionClear(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "clear CONVERSATION", Short: "Let a conversation keep its messages as long as others of its kind", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return changeRetention(cmd, cfg, stdout, args[0], nil) },
	}
}

func changeRetention(cmd *cobra.Command, cfg *app.Config, stdout io.Writer, conversation string, keep *time.Duration) error {
	return withRetention(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
		if err := s.SetRetention(ctx, conversation, keep); err != nil {
			return err
		}
		state, err := s.RetentionOf(ctx, conversation)
		if err != nil {
			return err
		}
		return showRetention(stdout, cfg, state)
	})
}
