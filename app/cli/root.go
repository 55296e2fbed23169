package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/conf"
)

// usageError is a mistake on the command line; it ends the program with exit code 2.
type usageError struct{ error }

const longHelp = `GoChat is an instant-messaging backend.

Without arguments it is everything in one process, on embedded parts, with
nothing to install:

    gochat                       start; it prints the address to open in a browser
    gochat --gateway-listen 127.0.0.1:9000 --data-dir /tmp/chat

Roles (the default is all of them, as "all"):

%s
As processes of their own, in any number, they find each other through etcd and
work on Kafka (or Redis streams), MySQL or MariaDB, and Redis:

    gochat certs --dir certs     make certificates with which they know each other
    gochat repo                  with GOCHAT_REGISTRY_ENDPOINTS, GOCHAT_DB_DRIVER=mysql, GOCHAT_DB_DSN,
    gochat gateway               GOCHAT_KV_ADDRS, GOCHAT_MQ_DRIVER=kafka, GOCHAT_MQ_KAFKA_BROKERS, …

Settings come from a file (--config), etcd, the environment (GOCHAT_…) and flags, the
later ones win. "gochat config" prints every one of them with its present value and
where that comes from.

A running process takes what has changed in the file and at etcd by itself, and at SIGHUP,
and tells what needs a restart. SIGUSR1 steps the log's level. The first SIGINT (Ctrl-C) or SIGTERM finishes
what is accepted, a second one ends at once.`

func newCommand(stdout, stderr io.Writer) *cobra.Command {
	cfg := app.DefaultConfig()
	root := &cobra.Command{
		Use:           "gochat [role[,role…]]",
		Short:         "An instant-messaging backend that starts with one command",
		Long:          fmt.Sprintf(longHelp, app.RoleHelp()),
		Args:          cobra.MaximumNArgs(1),
		Version:       app.ThisBuild().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			roles, err := app.ParseRoles(args)
			if err != nil {
				return usageError{err}
			}
			loaded, err := loadConfig(cmd, cfg)
			if err != nil {
				return err
			}
			if err := app.CheckRoles(roles, cfg); err != nil {
				return err
			}
			src, err := sources(cmd)
			if err != nil {
				return err
			}
			load := func(shared map[string]string) (*app.Config, *conf.Loaded, error) {
				next, src := app.DefaultConfig(), src
				src.Shared = shared
				loaded, err := app.LoadWith(src, next)
				if err != nil {
					return nil, nil, err
				}
				return next, loaded, app.CheckRoles(roles, next)
			}
			return app.Serve(cmd.Context(), cfg, loaded, roles, load, stdout, stderr)
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().String("config", "", "configuration file (YAML, TOML or JSON)")
	conf.AddFlags(root.PersistentFlags(), app.EnvPrefix, cfg)
	hideAllBut(root, "config", "data-dir", "gateway-listen", "log-level", "log-format")
	root.AddCommand(
		configCommand(cfg, stdout, stderr), verifyCommand(cfg, stdout), migrateCommand(cfg, stdout), epochCommand(cfg, stdout), searchCommand(cfg, stdout),
		backupCommand(cfg, stdout), restoreCommand(cfg, stdout), exportCommand(cfg, stdout, stderr), importCommand(cfg, stdout, stderr),
		webhookCommand(cfg, stdout), poisonCommand(cfg, stdout), outcomeCommand(cfg, stdout), retentionCommand(cfg, stdout), certsCommand(stdout), loadtestCommand(stdout, stderr), healthcheckCommand(cfg, stdout), topCommand(cfg, stdout), versionCommand(stdout),
	)
	return root
}

// family returns a command that only groups subcommands. Called without one, it is a usageError that lists them
// by words.
func family(use, short, long, words string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return usageError{errors.New("say what to do: " + words)} },
	}
}

// hideAllBut hides all flags of settings from the help, except for those that a first
// user needs; "gochat config" lists all.
func hideAllBut(cmd *cobra.Command, shown ...string) {
	for _, k := range conf.Keys(app.EnvPrefix, app.DefaultConfig()) {
		f := cmd.PersistentFlags().Lookup(k.Flag)
		if f != nil && !strings.Contains(" "+strings.Join(shown, " ")+" ", " "+k.Flag+" ") {
			f.Hidden = true
		}
	}
}
