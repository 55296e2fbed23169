package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/tests/load"
)

func loadtestCommand(stdout, stderr io.Writer) *cobra.Command {
	var cfg load.Config
	cmd := &cobra.Command{
		Use:   "loadtest",
		Short: "Measure a running server through real sockets",
		Long: "Registers users, opens a WebSocket for each and measures throughput, latency and\n" +
			"CPU; or, with --idle, the memory of idle sockets. All users come from one address:\n" +
			"for more than 600 of them the server needs a higher GOCHAT_LIMITS_AUTH_PER_MINUTE.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := load.Run(cmd.Context(), cfg, stderr)
			if err != nil {
				return err
			}
			if !cfg.JSON {
				return report.Write(stdout)
			}
			enc := json.NewEncoder(stdout)
			enc.SetIndent("", "  ")
			if err := enc.Encode(report); err != nil {
				return fmt.Errorf("print the report: %w", err)
			}
			return nil
		},
	}
	load.Flags(cmd.Flags(), &cfg)
	return cmd
}
