package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/conf"
)

func checkCommand(cfg *app.Config, load func(*cobra.Command) (*conf.Loaded, error), stdout, stderr io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "check [role[,role…]]",
		Short: "Say whether the roles (default: all) could start with these settings; nothing is started",
		Long: `Reads the settings as a start does, holds them against their ranges, each other and the
roles, and says what is wrong (exit code 1). It connects to no server but etcd, and to
that only for the settings there (not with --offline).`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			roles, err := app.ParseRoles(args)
			if err != nil {
				return usageError{err}
			}
			loaded, err := load(cmd)
			if err != nil {
				return err
			}
			if err := app.CheckRoles(roles, cfg); err != nil {
				return err
			}
			if len(loaded.Unknown) > 0 {
				if _, err := fmt.Fprintf(stderr, "these environment variables name no setting: %s\n", strings.Join(loaded.Unknown, " ")); err != nil {
					return fmt.Errorf("print what the check found: %w", err)
				}
			}
			if _, err := fmt.Fprintf(stdout, "The configuration is good for %s.\n", strings.Join(roles, ", ")); err != nil {
				return fmt.Errorf("print what the check found: %w", err)
			}
			return nil
		},
	}
}
