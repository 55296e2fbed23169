package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers/webhook"
)

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
