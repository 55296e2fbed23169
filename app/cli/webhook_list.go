package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/handlers/webhook"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func webhookList(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the hooks, how far behind they are, and what went wrong last", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withHooks(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				stats, err := s.HookStats(ctx)
				if err != nil {
					return err
				}
				return printHooks(stdout, cfg.Webhook, stats, time.Now())
			})
		},
	}
}

// printHooks prints the configured hooks, and those that only the database knows.
func printHooks(w io.Writer, cfg webhook.Config, stats []store.HookStat, now time.Time) error {
	names := cfg.Names()
	known := map[string]store.HookStat{}
	for _, h := range stats {
		known[h.Hook] = h
		names = append(names, h.Hook)
	}
	slices.Sort(names)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(words ...string) error {
		_, err := fmt.Fprintln(t, strings.Join(words, "\t"))
		return err
	}
	err := line("HOOK", "RECEIVER", "CONVERSATIONS BEHIND", "MESSAGES BEHIND", "WAITING FOR", "LAST TAKEN", "LAST ERROR")
	for _, name := range slices.Compact(names) {
		receiver := cfg.Host(name)
		if _, set := cfg.Hooks[name]; !set {
			receiver = "(not configured)"
		}
		h, begun := known[name]
		if !begun {
			receiver += " (not started yet)"
		}
		last := "-"
		if h.Error != "" {
			last = h.Error + " (" + ago(now, h.ErrorAt) + " ago)"
		}
		if err == nil {
			err = line(name, receiver, fmt.Sprint(h.Conversations), fmt.Sprint(h.Messages), ago(now, h.WaitingSince), ago(now, h.TakenAt), last)
		}
	}
	if err == nil {
		err = t.Flush()
	}
	if err != nil {
		return fmt.Errorf("print the hooks: %w", err)
	}
	return nil
}

// ago formats how long ago a time in Unix milliseconds was; 0 is "-".
func ago(now time.Time, at int64) string {
	if at == 0 {
		return "-"
	}
	return max(0, now.Sub(time.UnixMilli(at))).Round(time.Second).String()
}
