package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers/webhook"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const webhookHelp = `Webhooks post what is stored to URLs of others. They are set by webhook.hooks and
webhook.secrets (GOCHAT_WEBHOOK_HOOKS=crm=https://crm.example.org/gochat,
GOCHAT_WEBHOOK_SECRETS=crm=…). Changes in the file, at etcd and in files of secrets are taken while
the role feed runs; those of its environment need a restart.

    gochat webhook list                                         how each one does
    gochat webhook test crm                                     post a test and print the answer
    gochat webhook replay crm --since 2h                        send again what is newer than that
    gochat webhook replay crm --conversation group_7 --from-seq 100
    gochat webhook forget crm                                   the next start begins anew
    gochat webhook verify --secret … --timestamp … --signature … < body

list, replay and forget work on the database; the server may run meanwhile.
deploy/WEBHOOKS.md says how to receive.`

func webhookCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("webhook list|test|replay|forget|verify", "See how webhooks do, send again, test and verify", webhookHelp, `"gochat webhook list", "test", "replay", "forget" or "verify"`)
	root.AddCommand(webhookList(cfg, stdout), webhookTest(cfg, stdout), webhookReplay(cfg, stdout), webhookForget(cfg, stdout), webhookVerify(stdout))
	return root
}

// withHooks lets work work on a store that has hooks.
func withHooks(cmd *cobra.Command, cfg *app.Config, work func(context.Context, *sqlstore.Store) error) error {
	return withStore(cmd, cfg, false, func(d *db.DB) error {
		if err := sqlstore.CheckMigrated(cmd.Context(), d); err != nil {
			return err
		}
		return work(cmd.Context(), sqlstore.New(d))
	})
}

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

// printHooks lists the hooks of the configuration and those of the database.
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

// ago prints how long ago a time in Unix milliseconds was.
func ago(now time.Time, at int64) string {
	if at == 0 {
		return "-"
	}
	return max(0, now.Sub(time.UnixMilli(at))).Round(time.Second).String()
}

func webhookTest(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "test NAME", Short: "Post a batch without messages to a hook and print the answer", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := loadConfig(cmd, cfg); err != nil {
				return err
			}
			name := args[0]
			if _, set := cfg.Webhook.Hooks[name]; !set {
				return fmt.Errorf("webhook.hooks has no hook %q; this command reads its own settings, not those of a running process: give it the same", name)
			}
			if err := cfg.Webhook.Validate(); err != nil {
				return fmt.Errorf("configuration: %w", err)
			}
			poster := webhook.NewPoster(cfg.Webhook, name)
			defer poster.Close()
			began := time.Now()
			answer, err := poster.Post(cmd.Context(), contracts.WebhookBatch{
				DeliveryID: fmt.Sprint("test-", began.UnixNano()), Messages: []contracts.MessageData{},
			})
			if err != nil {
				return fmt.Errorf("post to %s: %w", cfg.Webhook.Host(name), err)
			}
			if _, err := fmt.Fprintf(stdout, "%s answered %d in %d ms\n%s\n", cfg.Webhook.Host(name), answer.Status,
				time.Since(began).Milliseconds(), answer.Text); err != nil {
				return fmt.Errorf("print the answer: %w", err)
			}
			if answer.Status < 200 || answer.Status > 299 {
				return errors.New("that is not a 2xx, so the receiver would be sent the same again")
			}
			return nil
		},
	}
}

func webhookVerify(stdout io.Writer) *cobra.Command {
	var secret, timestamp, signature string
	cmd := &cobra.Command{
		Use: "verify --secret … --timestamp … --signature … < body", Args: cobra.NoArgs,
		Short: "Say whether a request's signature is right, for authors of receivers",
		RunE: func(cmd *cobra.Command, _ []string) error {
			const most = 64 << 20
			body, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), most))
			if err != nil {
				return fmt.Errorf("read the body: %w", err)
			}
			if !contracts.VerifyWebhook(secret, timestamp, signature, body) {
				return fmt.Errorf("the signature is not that of this secret, this timestamp and these %d bytes", len(body))
			}
			if _, err := fmt.Fprintln(stdout, "the signature is right"); err != nil {
				return fmt.Errorf("print the verdict: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&secret, "secret", "", "the hook's secret")
	cmd.Flags().StringVar(&timestamp, "timestamp", "", "the header "+contracts.HeaderWebhookTimestamp)
	cmd.Flags().StringVar(&signature, "signature", "", "the header "+contracts.HeaderWebhookSignature)
	for _, name := range []string{"secret", "timestamp", "signature"} {
		_ = cmd.MarkFlagRequired(name) // the flag is declared above
	}
	return cmd
}
