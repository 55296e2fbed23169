package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

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

// showSettings prints the settings. Secrets are only said to be set.
func showSettings(stdout io.Writer, cfg *app.Config, loaded *conf.Loaded) error {
	specs := make(map[string]conf.Spec, len(app.Settings))
	for _, s := range app.Settings {
		specs[s.Path] = s
	}
	for _, k := range conf.Keys(app.EnvPrefix, cfg) {
		value, env := conf.Format(k.Default), "$"+k.Env
		if k.Secret {
			env += " or " + env + "_FILE"
			if value != "" {
				value = "(set)"
			}
		}
		_, err := fmt.Fprintf(stdout, "%-40s %-24s %-12s %s\n    %s\n", k.Path, value, loaded.Origins[k.Path], env, describe(specs[k.Path]))
		if err != nil {
			return fmt.Errorf("print the configuration: %w", err)
		}
	}
	return nil
}

// describe is what "gochat config" tells of a setting beside its value.
func describe(s conf.Spec) string {
	text := s.About
	if bounds := s.Range(); bounds != "" {
		text += " [" + strings.TrimSpace(bounds+" "+s.Unit) + "]"
	}
	if s.Reloads {
		text += " [reloads]"
	}
	return text
}

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

const docHead = `# Settings

Made by ` + "`gochat config doc docs/settings.md`" + `; change the table in ` + "`app/settings*.go`" + ` instead.

A setting has one name in three forms: ` + "`gateway.ping_interval`" + ` in a file (YAML, TOML or JSON, with
sections) and at etcd, ` + "`GOCHAT_GATEWAY_PING_INTERVAL`" + ` in the environment, ` + "`--gateway-ping-interval`" + ` on the
command line. The first of flag, environment, etcd, file and default that has a value wins;
` + "`gochat config show`" + ` says which it was, and ` + "`gochat config check`" + ` whether a start would take it.

At etcd the keys are below ` + "`registry.prefix`" + `, as ` + "`/gochat/config/log.level`" + `, and the values are written as
in the environment. What is marked "not from etcd" is each process's own. With an environment (` + "`environment: blue`" + `)
they are below that, as ` + "`/blue/gochat/config/log.level`" + `.

A secret has no flag. ` + "`GOCHAT_DB_DSN_FILE`" + ` names a file that holds the value of ` + "`GOCHAT_DB_DSN`" + `, and so for
every setting marked as a secret; both together are an error.

Times are written as ` + "`1h30m`, `10s` or `250ms`" + `, lists with commas, pairs as ` + "`name=value,name=value`" + `.
`

func docCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "doc [file]",
		Short: "Write the description of all settings (docs/settings.md) to a file, or print it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var text strings.Builder
			text.WriteString(docHead)
			if err := conf.WriteTable(&text, app.EnvPrefix, app.DefaultConfig(), app.Settings); err != nil {
				return err
			}
			if len(args) == 0 {
				if _, err := io.WriteString(stdout, text.String()); err != nil {
					return fmt.Errorf("print the description of settings: %w", err)
				}
				return nil
			}
			const readableByAll = 0o644
			if err := os.WriteFile(args[0], []byte(text.String()), readableByAll); err != nil { // #nosec G306 -- it is documentation
				return fmt.Errorf("write the description of settings: %w", err)
			}
			return nil
		},
	}
}
