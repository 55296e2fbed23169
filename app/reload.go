package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/conf"
)

// Loader reads the configuration again, from where it came from at the start, with what
// etcd has now. What it returns is valid for the roles of the process.
type Loader func(shared map[string]string) (*Config, *conf.Loaded, error)

// What makes a process read its configuration again: the metric's label source.
const (
	reloadByFile   = "file"
	reloadByEtcd   = "etcd"
	reloadBySignal = "signal"
)

// How that ends: the metric's label outcome. One reading can end in two ways.
const (
	reloadTaken   = "taken"   // settings have changed and were taken
	reloadRestart = "restart" // settings have changed that need a restart
	reloadRefused = "refused" // the whole makes no sense; nothing was taken
)

// reloader is the configuration that holds, and how another one takes its place. Safe for
// concurrent use once the process has started.
type reloader struct {
	load  Loader
	roles []string
	files []string
	log   *zap.Logger
	count *prometheus.CounterVec

	mu     sync.Mutex
	now    *Config
	shared map[string]string
	tunes  []func(*Config) error
}

func newReloader(cfg *Config, loaded *conf.Loaded, roles []string, load Loader, log *zap.Logger) *reloader {
	return &reloader{
		load: load, roles: roles, files: loaded.Files, log: log, count: newReloads(), now: cfg, shared: loaded.Shared,
	}
}

// tune has f called with every later configuration that holds. f takes what it can; an error
// refuses the whole.
func (a *App) tune(f func(*Config) error) { a.settings.tunes = append(a.settings.tunes, f) }

// fromFile reads the configuration again because a file has changed, or may have.
func (r *reloader) fromFile() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reload(reloadByFile, r.shared)
}

// fromSignal reads it again because somebody asks for it, and tells also of no change.
func (r *reloader) fromSignal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reload(reloadBySignal, r.shared)
}

// fromEtcd reads it again when the values at etcd are others than before.
func (r *reloader) fromEtcd(shared map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if maps.Equal(shared, r.shared) {
		return
	}
	before := r.shared
	r.shared = shared // also those that make no sense: a file that changes does not make them good
	if loaded := r.reload(reloadByEtcd, shared); loaded != nil {
		r.tellOverruled(loaded.Overruled, before)
	}
}

// tellOverruled says which new values of etcd change nothing here.
func (r *reloader) tellOverruled(overruled []string, before map[string]string) {
	fresh := slices.DeleteFunc(slices.Clone(overruled), func(path string) bool {
		was, there := before[path]
		return there && was == r.shared[path]
	})
	if len(fresh) > 0 {
		r.log.Warn("etcd has new values of settings that this process takes from its flags or its environment, which win",
			zap.Strings("settings", fresh))
	}
}

// reload takes what can change while the process runs. What cannot is told, and a
// configuration that makes no sense changes nothing: then it returns nil.
func (r *reloader) reload(source string, shared map[string]string) *conf.Loaded {
	next, loaded, err := r.load(shared)
	if err != nil {
		r.invalid(source, err)
		return nil
	}
	taken, refused := r.changes(next)
	if len(taken) > 0 || source == reloadBySignal {
		if err := r.take(next, taken); err != nil {
			r.invalid(source, err)
			return nil
		}
		r.log.Info("the configuration was read again", zap.String("source", source), zap.Strings("changed", taken))
	}
	if len(taken) > 0 {
		r.count.WithLabelValues(source, reloadTaken).Inc()
	}
	if len(refused) > 0 {
		r.count.WithLabelValues(source, reloadRestart).Inc()
		r.log.Error("these settings have changed and need a restart; until then they stay as they were",
			zap.String("source", source), zap.Strings("settings", refused))
	}
	return loaded
}

func (r *reloader) invalid(source string, err error) {
	r.count.WithLabelValues(source, reloadRefused).Inc()
	r.log.Error("the configuration makes no sense any more; everything stays as it was", zap.String("source", source), zap.Error(err))
}

// changes sorts what is different by whether it can be taken.
func (r *reloader) changes(next *Config) (taken, refused []string) {
	reloads := map[string]bool{}
	for _, s := range Settings {
		reloads[s.Path] = s.Reloads
	}
	for _, path := range conf.Changed(r.now, next) {
		if reloads[path] {
			taken = append(taken, path)
		} else {
			refused = append(refused, path)
		}
	}
	return taken, refused
}

// take makes a configuration of the present one and the settings that can be taken, and
// hands it to all that are tuned. When one of them refuses it, all keep the present one.
func (r *reloader) take(next *Config, paths []string) error {
	merged := *r.now
	conf.Take(&merged, next, paths)
	if err := errors.Join(merged.Validate(), CheckRoles(r.roles, &merged)); err != nil {
		return fmt.Errorf("what can be taken without a restart does not go with the rest: %w", err)
	}
	for _, tune := range r.tunes {
		if err := tune(&merged); err != nil {
			return errors.Join(err, r.keep())
		}
	}
	r.now = &merged
	return nil
}

// keep hands the present configuration to all again.
func (r *reloader) keep() error {
	var errs []error
	for _, tune := range r.tunes {
		errs = append(errs, tune(r.now))
	}
	return errors.Join(errs...)
}

// watchSettings follows what may change while the process runs: etcd, and the files that
// settings came from.
func (a *App) watchSettings(context.Context) error {
	if a.settings.load == nil {
		return nil // the program that embeds this has made the configuration
	}
	if a.registry != nil {
		a.stack.Go("settings at etcd", func(ctx context.Context) error {
			return a.registry.WatchConfig(ctx, a.settings.fromEtcd)
		})
	}
	if len(a.settings.files) == 0 {
		return nil
	}
	a.stack.Go("settings in files", func(ctx context.Context) error {
		conf.Watch(ctx, a.settings.files, a.settings.fromFile, func(err error) {
			a.log.Warn("changes of the configuration's files are seen a little later", zap.Error(err))
		})
		return nil
	})
	return nil
}
