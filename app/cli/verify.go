package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/verify"
)

// errNotWhole makes verify end with exit code 1 after its report of violations.
var errNotWhole = errors.New("the store is not whole")

func verifyCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Read the store and say whether nothing is lost, doubled or out of order",
		Long: "Reads the store of --data-dir and checks what GoChat promises: sequences without\n" +
			"holes, unique ids, sane read positions. It only reads; the server may run.\n" +
			"Exit code 0: whole. 1: not whole, or not readable.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, cfg, false, func(d *db.DB) error { return runVerify(cmd.Context(), d, asJSON, stdout) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

func runVerify(ctx context.Context, d *db.DB, asJSON bool, stdout io.Writer) error {
	report, err := verify.Verify(ctx, d)
	if err != nil {
		return err
	}
	if err := printReport(stdout, report, asJSON); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if !report.Whole() {
		return errNotWhole
	}
	return nil
}

func printReport(w io.Writer, r *verify.Report, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	for _, p := range r.Problems {
		if _, err := fmt.Fprintln(w, "  ✗", p); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d conversations, %d messages, %d violations\n", r.Conversations, r.Messages, r.Violations)
	return err
}
