package app

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/infra/conf"
	"github.com/gochat/gochat/infra/registry"
)

// Load fills cfg, which holds the defaults, from all sources, and validates it. When flags, the environment or
// the file set registry.endpoints, the shared settings are read from etcd first; without an answer of etcd Load
// returns an error.
func Load(ctx context.Context, src conf.Source, cfg *Config) (*conf.Loaded, error) {
	first := DefaultConfig()
	if _, err := conf.Load(src, first); err != nil { // not validated: a missing setting may be at etcd
		return nil, err
	}
	if first.Registry.Enabled() {
		if err := first.checkEnvironment(); err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		first.nameEnvironment()
		shared, err := registry.ReadSettings(ctx, first.Registry)
		if err != nil {
			return nil, fmt.Errorf("read the settings that processes share: %w", err)
		}
		src.Shared = shared
	}
	return LoadWith(src, cfg)
}

// LoadWith is Load without a call to etcd: src.Shared has the shared settings, or is empty.
func LoadWith(src conf.Source, cfg *Config) (*conf.Loaded, error) {
	if err := conf.CheckShared(src.Shared, Settings); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	loaded, err := conf.Load(src, cfg)
	if err != nil {
		return nil, err
	}
	return loaded, cfg.Validate()
}
