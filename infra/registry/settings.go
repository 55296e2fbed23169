package registry

import (
	"context"
	"maps"
)

// WatchConfig calls apply with all values below prefix/config/, by their names
// without that prefix: first with those that are there (possibly none), then with
// all of them after each change. It goes on while etcd is away and returns nil
// when ctx or the registry ends. apply is never called by two goroutines at once
// and may keep the map.
func (r *Registry) WatchConfig(ctx context.Context, apply func(values map[string]string)) error {
	ctx, cancel := r.within(ctx)
	defer cancel()
	values := map[string]string{}
	r.follow(ctx, r.prefix+"/config/", func(changes []change) {
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
