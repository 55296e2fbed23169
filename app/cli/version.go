package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
)

func versionCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := fmt.Fprintln(stdout, app.ThisBuild()); err != nil {
				return fmt.Errorf("print the version: %w", err)
			}
			return nil
		},
	}
}
