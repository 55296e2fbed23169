package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/conf"
)

// showSettings prints all settings. Of a secret it prints only that a value is set.
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

// describe returns the description that "gochat config" prints below the value of a setting.
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
