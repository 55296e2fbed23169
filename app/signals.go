package app

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gochat/gochat/infra/conf"
)

// tuning is what may change while the process runs. Safe for concurrent use.
type tuning struct {
	mu sync.Mutex
	// file is what the configuration says, shared what the registry says above it.
	file, shared string
}

// hearSignals keeps SIGHUP and SIGUSR1, which would end the process, until it has started: that
// may take minutes, and whoever turns the configuration over signals all processes.
func (a *app) hearSignals(context.Context) error {
	a.heard = make(chan os.Signal, 4)
	signal.Notify(a.heard, syscall.SIGHUP, syscall.SIGUSR1)
	a.stack.Push("signals heard", func(context.Context) error {
		signal.Stop(a.heard)
		return nil
	})
	return nil
}

// listenToSignals follows SIGHUP (read the configuration file again) and SIGUSR1 (step
// the log's level) until the process stops.
func (a *app) listenToSignals(context.Context) error {
	a.stack.Go("signals", func(ctx context.Context) error {
		for {
			select {
			case s := <-a.heard:
				if s == syscall.SIGUSR1 {
					a.stepLevel()
				} else {
					a.reread()
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	return nil
}

// reread reads the configuration again, from where it came from at the start. What
// cannot change while the process runs, and a configuration that makes no sense, is
// told and changes nothing.
func (a *app) reread() {
	next, err := a.reload()
	if err != nil {
		a.log.Error("the configuration makes no sense any more; everything stays as it was", zap.Error(err))
		a.reloads.WithLabelValues("file", "refused").Inc()
		return
	}
	reloads := map[string]bool{}
	for _, s := range Settings {
		reloads[s.Path] = s.Reloads
	}
	var taken, waiting []string
	for _, path := range conf.Changed(a.cfg, next) {
		if reloads[path] {
			taken = append(taken, path)
		} else {
			waiting = append(waiting, path)
		}
	}
	a.cfg.Log.Level, a.cfg.Trace.Sampling = next.Log.Level, next.Trace.Sampling
	a.tuning.mu.Lock()
	a.tuning.file = next.Log.Level
	a.tuning.mu.Unlock()
	a.setLevel() // the file's own makes sense
	a.tracing.SetSampling(next.Trace.Sampling)
	a.log.Info("the configuration was read again", zap.Strings("changed", taken))
	outcome := "taken"
	if len(waiting) > 0 {
		outcome = "restart"
		a.log.Warn("these settings have changed and need a restart", zap.Strings("settings", waiting))
	}
	a.reloads.WithLabelValues("file", outcome).Inc()
}

// applySettings takes what the registry says of settings.
func (a *app) applySettings(values map[string]string) {
	a.tuning.mu.Lock()
	a.tuning.shared = values["log.level"]
	a.tuning.mu.Unlock()
	outcome := "taken"
	if !a.setLevel() {
		outcome = "refused"
	}
	a.reloads.WithLabelValues("registry", outcome).Inc()
}

// setLevel sets the log's level to the registry's, and without one to the configuration's. False:
// it makes no sense, and nothing has changed.
func (a *app) setLevel() bool {
	a.tuning.mu.Lock()
	defer a.tuning.mu.Unlock()
	word := a.tuning.file
	if a.tuning.shared != "" {
		word = a.tuning.shared
	}
	level, err := zapcore.ParseLevel(word)
	if err != nil {
		a.log.Warn("a setting makes no sense and is left as it was", zap.String("log.level", word))
		return false
	}
	a.changeLevel(level)
	return true
}

// levels in the order of SIGUSR1: each step tells more, and after the last comes the first.
var levels = []zapcore.Level{zapcore.ErrorLevel, zapcore.WarnLevel, zapcore.InfoLevel, zapcore.DebugLevel}

func (a *app) stepLevel() {
	a.tuning.mu.Lock()
	defer a.tuning.mu.Unlock()
	next := levels[0]
	for i, l := range levels[:len(levels)-1] {
		if l == a.level.Level() {
			next = levels[i+1]
		}
	}
	a.changeLevel(next)
}

// changeLevel is told at both levels' louder one. Call it with the tuning locked.
func (a *app) changeLevel(to zapcore.Level) {
	from := a.level.Level()
	if to == from {
		return
	}
	a.level.SetLevel(min(from, to))
	a.log.Log(max(from, to, zapcore.InfoLevel), "the log's level has changed", zap.Stringer("from", from), zap.Stringer("to", to))
	a.level.SetLevel(to)
}
