package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func webhookReplay(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var (
		r     store.Replay
		since string
		yes   bool
	)
	cmd := &cobra.Command{
		Use: "replay NAME --since TIME | --conversation ID --from-seq N", Args: cobra.ExactArgs(1),
		Short: "Send a hook again what it has taken",
		Long: "Moves a hook's cursors back, never forward. A running server goes on from there within a\n" +
			"second. TIME is a time (2026-01-31T12:00:00Z), a day (2026-01-31) or how long ago (36h);\n" +
			"what was sent up to a minute before it may come, too.",
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Hook = args[0]
			if err := readReplay(&r, since, time.Now()); err != nil {
				return usageError{err}
			}
			return withHooks(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				return runReplay(ctx, s, r, question{yes: yes, in: cmd.InOrStdin(), out: stdout})
			})
		},
	}
	cmd.Flags().StringVar(&r.ConversationID, "conversation", "", "only this conversation")
	cmd.Flags().Uint64Var(&r.FromSeq, "from-seq", 0, "the first seqId to send again, of --conversation")
	cmd.Flags().StringVar(&since, "since", "", "send again what is newer than this")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func readReplay(r *store.Replay, since string, now time.Time) error {
	const seqMax = 1 << 62
	switch {
	case (since == "") == (r.FromSeq == 0):
		return errors.New("say either --since TIME or --from-seq N")
	case r.FromSeq > 0 && r.ConversationID == "":
		return errors.New("--from-seq is a number of one conversation: say which by --conversation")
	case r.FromSeq > seqMax:
		return fmt.Errorf("--from-seq %d: there is no such number", r.FromSeq)
	case since == "":
		return nil
	}
	if ago, err := time.ParseDuration(since); err == nil && ago > 0 {
		r.Since = now.Add(-ago)
		return nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.ParseInLocation(form, since, time.Local); err == nil {
			r.Since = at
			return nil
		}
	}
	return fmt.Errorf("--since %q: say 2026-01-31T12:00:00Z, 2026-01-31 or 36h", since)
}

func runReplay(ctx context.Context, s *sqlstore.Store, r store.Replay, q question) error {
	r.Try = true
	plan, err := s.ReplayHook(ctx, r)
	if err != nil {
		return explainHook(err)
	}
	if plan.Conversations == 0 {
		return q.tell("There is nothing to send again.\n")
	}
	if err := q.ask(fmt.Sprintf("Hook %s is to get about %d messages of %d conversations again.", r.Hook, plan.Messages, plan.Conversations)); err != nil {
		return err
	}
	r.Try = false
	done, err := s.ReplayHook(ctx, r)
	if err != nil {
		return explainHook(err)
	}
	return q.tell(fmt.Sprintf("%d conversations were moved back, by %d messages.\n", done.Conversations, done.Messages))
}

func explainHook(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w; \"gochat webhook list\" names the hooks that were started, and a conversation must have messages", err)
	}
	return err
}
