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

// Loader reads the configuration again from the sources of the start; shared are the present
// settings of etcd. It returns an error unless the result is valid for the roles of the process.
type Loader func(shared map[string]string) (*Config, *conf.Loaded, error)

// What makes a process read its configuration again: the metric's label source.
const (
	reloadByFile   = "file"
	reloadByEtcd   = "etcd"
	reloadBySignal = "signal"
)

// How a reload ends: the metric's label outcome. A reload can count as taken and as restart.
const (
	reloadTaken   = "taken"   // changed settings were applied
	reloadRestart = "restart" // some changed settings need a restart
	reloadRefused = "refused" // the configuration is invalid; nothing was applied
)

// reloader has the present configuration, and replaces it by a changed one. Safe for concurrent
// use once the process has started; tune is for the start.
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

// tune registers f, which applies a changed configuration to a running part. f is called with every later
// configuration in which a setting that reloads has changed, and at SIGHUP. An error of f refuses the reload for
// all parts. Call tune only during the start.
func (a *App) tune(f func(*Config) error) { a.settings.tunes = append(a.settings.tunes, f) }

// fromFile reloads the configuration because one of its files may have changed.
func (r *reloader) fromFile() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reload(reloadByFile, r.shared)
}

// fromSignal reloads the configuration at SIGHUP. It logs the reload even when nothing has changed.
func (r *reloader) fromSignal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reload(reloadBySignal, r.shared)
}

// fromEtcd reloads the configuration when the shared settings differ from those of the last call.
func (r *reloader) fromEtcd(shared map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if maps.Equal(shared, r.shared) {
		return
	}
	before := r.shared
	r.shared = shared // even when they are refused: reloads by file and signal must meet the same values
	if loaded := r.reload(reloadByEtcd, shared); loaded != nil {
		r.tellOverruled(loaded.Overruled, before)
	}
}

// tellOverruled warns of new values at etcd that a flag or the environment of this process overrides.
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

// reload applies the changed settings that need no restart, and logs those that need one. It returns nil
// when the new configuration is refused; then nothing has changed.
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
	r.log.Error("a changed configuration was refused; all settings stay as they were", zap.String("source", source), zap.Error(err))
}

// changes returns the paths of the changed settings: those that can be taken now, and those that need a restart.
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

// take copies the settings at paths from next into the present configuration and hands the result to all tunes.
// When the result is invalid or a tune refuses it, the present configuration stays in force everywhere.
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

// keep hands the present configuration to all tunes again, after one of them refused a new one.
func (r *reloader) keep() error {
	var errs []error
	for _, tune := range r.tunes {
		errs = append(errs, tune(r.now))
	}
	return errors.Join(errs...)
}

// watchSettings starts reloads when the settings at etcd or in files change.
func (a *App) watchSettings(context.Context) error {
	if a.settings.load == nil {
		return nil // the program that embeds GoChat made the configuration
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
