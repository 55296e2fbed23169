package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/contracts"
)

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
