package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// keepTime parses a retention: a duration of at least 1 s, or "forever", which is 0.
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
