package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/conf"
)

// usageError is a mistake on the command line.
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

Settings come from a file (--config), the environment (GOCHAT_…) and flags, the
later ones win. "gochat config" prints every one of them with its present value.

A running process reads the file again at SIGHUP, takes what it can and tells what needs
a restart. SIGUSR1 steps the log's level. The first SIGINT (Ctrl-C) or SIGTERM finishes
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
			unknown, err := loadConfig(cmd, cfg)
			if err != nil {
				return err
			}
			if err := app.CheckRoles(roles, cfg); err != nil {
				return err
			}
			reload := func() (*app.Config, error) {
				next := app.DefaultConfig()
				if _, err := loadConfig(cmd, next); err != nil {
					return nil, err
				}
				return next, app.CheckRoles(roles, next)
			}
			return app.Serve(cmd.Context(), cfg, roles, unknown, reload, stdout, stderr)
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
		configCommand(cfg, stdout), verifyCommand(cfg, stdout), migrateCommand(cfg, stdout), epochCommand(cfg, stdout), searchCommand(cfg, stdout),
		webhookCommand(cfg, stdout), poisonCommand(cfg, stdout), certsCommand(stdout), loadtestCommand(stdout, stderr), healthcheckCommand(cfg, stdout), versionCommand(stdout),
	)
	return root
}

// hideAllBut keeps the help to what a first user needs; "gochat config" lists
// the rest.
func hideAllBut(cmd *cobra.Command, shown ...string) {
	for _, k := range conf.Keys(app.EnvPrefix, app.DefaultConfig()) {
		f := cmd.PersistentFlags().Lookup(k.Flag)
		if f != nil && !strings.Contains(" "+strings.Join(shown, " ")+" ", " "+k.Flag+" ") {
			f.Hidden = true
		}
	}
}

func loadConfig(cmd *cobra.Command, cfg *app.Config) (unknown []string, err error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, fmt.Errorf("read --config: %w", err)
	}
	unknown, err = conf.Load(conf.Source{EnvPrefix: app.EnvPrefix, File: file, Flags: cmd.Flags()}, cfg)
	if err != nil {
		return nil, err
	}
	return unknown, cfg.Validate()
}

func configCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print every setting: its value, its name in the environment, what it is for and may be",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := loadConfig(cmd, cfg); err != nil {
				return err
			}
			specs := make(map[string]conf.Spec, len(app.Settings))
			for _, s := range app.Settings {
				specs[s.Path] = s
			}
			for _, k := range conf.Keys(app.EnvPrefix, cfg) {
				value := conf.Format(k.Default)
				if k.Secret && value != "" && value != "map[]" {
					value = "(set)"
				}
				if _, err := fmt.Fprintf(stdout, "%-40s %-24s $%s\n    %s\n", k.Path, value, k.Env, describe(specs[k.Path])); err != nil {
					return fmt.Errorf("print the configuration: %w", err)
				}
			}
			return nil
		},
	}
}

// describe is what "gochat config" tells of a setting beside its value.
func describe(s conf.Spec) string {
	text := s.About
	if bounds := s.Range(); bounds != "" {
		text += " [" + bounds + "]"
	}
	if s.Reloads {
		text += " [read again at SIGHUP]"
	}
	return text
}
