package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logLevel holds the log's level, and the value of log.level. Safe for concurrent use.
type logLevel struct {
	log   *zap.Logger
	level zap.AtomicLevel

	mu         sync.Mutex
	configured string
	// anew: the next configure sets the level even if log.level has not changed.
	anew bool
}

// hearSignals begins to collect SIGHUP and SIGUSR1, which would end the process by default, before the rest of the
// start: the start may take minutes, and an operator who reloads the configuration signals all processes.
func (a *App) hearSignals(context.Context) error {
	if a.program == nil {
		return nil // a program that embeds GoChat handles its own signals
	}
	a.heard = make(chan os.Signal, 4)
	signal.Notify(a.heard, syscall.SIGHUP, syscall.SIGUSR1)
	a.stack.Push("signals heard", func(context.Context) error {
		signal.Stop(a.heard)
		return nil
	})
	return nil
}

// listenToSignals handles SIGHUP (reload the configuration) and SIGUSR1 (step the log's level) until the process
// stops. Signals that came during the start are handled first.
func (a *App) listenToSignals(context.Context) error {
	if a.program == nil {
		return nil
	}
	a.stack.Go("signals", func(ctx context.Context) error {
		for {
			select {
			case s := <-a.heard:
				if s == syscall.SIGUSR1 {
					a.logLevel.step()
				} else {
					a.logLevel.forget()
					a.settings.fromSignal()
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	return nil
}

// configure sets the log's level when log.level has changed, or after forget. A level of SIGUSR1 or /log-level
// stays when only other settings change.
func (l *logLevel) configure(word string) error {
	level, err := zapcore.ParseLevel(word)
	if err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if word != l.configured || l.anew {
		l.configured, l.anew = word, false
		l.change(level)
	}
	return nil
}

// forget makes the next configure set the level even if log.level has not changed.
func (l *logLevel) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.anew = true
}

// levels are in the order of SIGUSR1: each step logs more, and after the last comes the first.
var levels = []zapcore.Level{zapcore.ErrorLevel, zapcore.WarnLevel, zapcore.InfoLevel, zapcore.DebugLevel}

func (l *logLevel) step() {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := levels[0]
	for i, level := range levels[:len(levels)-1] {
		if level == l.level.Level() {
			next = levels[i+1]
		}
	}
	l.change(next)
}

// change sets the level and logs the change, while the more verbose one of the two levels is set, so that the line
// is not filtered out. The caller holds mu.
func (l *logLevel) change(to zapcore.Level) {
	l.anew = false // a reload that was refused is over: it takes no later level back
	from := l.level.Level()
	if to == from {
		return
	}
	l.level.SetLevel(min(from, to))
	l.log.Log(max(from, to, zapcore.InfoLevel), "the log's level has changed", zap.Stringer("from", from), zap.Stringer("to", to))
	l.level.SetLevel(to)
}
