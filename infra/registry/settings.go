package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// settingsBelow follows the prefix in the keys of settings.
const settingsBelow = "/config/"

// WatchConfig calls apply with all values below prefix/config/, by their names
// without that prefix: first with those that are there (possibly none), then with
// all of them after each change. It goes on while etcd is away and returns nil
// when ctx or the registry ends. apply is never called by two goroutines at once
// and may keep the map.
func (r *Registry) WatchConfig(ctx context.Context, apply func(values map[string]string)) error {
	ctx, cancel := r.within(ctx)
	defer cancel()
	values := map[string]string{}
	r.follow(ctx, r.prefix+settingsBelow, func(changes []change) {
		for _, c := range changes {
			if c.gone {
				delete(values, c.key)
			} else {
				values[c.key] = c.value
			}
		}
		apply(maps.Clone(values))
	}, func(error) {}) // the values stay as they were; note has told the log
	return nil
}

// ReadSettings reads all values below prefix/config/ once, by their names without that
// prefix, for a process that has not started yet.
func ReadSettings(ctx context.Context, cfg Config) (values map[string]string, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	client, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closed(client)) }()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	from := cfg.root() + settingsBelow
	resp, err := client.Get(ctx, from, clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("read the settings below %s from etcd: %w", from, err)
	}
	values = make(map[string]string, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		values[strings.TrimPrefix(string(kv.Key), from)] = string(kv.Value)
	}
	return values, nil
}
