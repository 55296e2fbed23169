package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/conf"
)

const configHelp = `Settings come from flags, the environment, etcd (where registry.endpoints is set), the
file that --config names, and the defaults; the first that has a value wins. "gochat
config" by itself is "gochat config show".`

func configCommand(cfg *app.Config, stdout, stderr io.Writer) *cobra.Command {
	var offline bool
	load := func(cmd *cobra.Command) (*conf.Loaded, error) {
		if offline {
			return loadLocal(cmd, cfg)
		}
		return loadConfig(cmd, cfg)
	}
	show := func(cmd *cobra.Command, _ []string) error {
		loaded, err := load(cmd)
		if err != nil {
			return err
		}
		return showSettings(stdout, cfg, loaded)
	}
	root := &cobra.Command{
		Use:   "config",
		Short: "Print every setting: its value, where that comes from, what it is for and may be",
		Long:  configHelp,
		Args:  cobra.NoArgs,
		RunE:  show,
	}
	root.PersistentFlags().BoolVar(&offline, "offline", false, "leave etcd out, also where registry.endpoints is set")
	root.AddCommand(
		&cobra.Command{Use: "show", Short: root.Short, Args: cobra.NoArgs, RunE: show},
		checkCommand(cfg, load, stdout, stderr), docCommand(stdout),
	)
	return root
}
