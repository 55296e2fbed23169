package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/conf"
)

// sources returns the sources of this command's settings, except for etcd.
func sources(cmd *cobra.Command) (conf.Source, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return conf.Source{}, fmt.Errorf("read --config: %w", err)
	}
	return conf.Source{EnvPrefix: app.EnvPrefix, File: file, Flags: cmd.Flags()}, nil
}

// loadConfig reads the settings from all sources.
func loadConfig(cmd *cobra.Command, cfg *app.Config) (*conf.Loaded, error) {
	src, err := sources(cmd)
	if err != nil {
		return nil, err
	}
	return app.Load(cmd.Context(), src, cfg)
}

// loadLocal reads the settings from all sources except for etcd.
func loadLocal(cmd *cobra.Command, cfg *app.Config) (*conf.Loaded, error) {
	src, err := sources(cmd)
	if err != nil {
		return nil, err
	}
	return app.LoadWith(src, cfg)
}
