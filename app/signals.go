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

// loudness is the log's level and what it was configured to be. Safe for concurrent use.
type loudness struct {
	log   *zap.Logger
	level zap.AtomicLevel

	mu         sync.Mutex
	configured string
	// anew: the next configuration sets the level whatever it was.
	anew bool
}

// hearSignals keeps SIGHUP and SIGUSR1, which would end the process, until it has started: that
// may take minutes, and whoever turns the configuration over signals all processes.
func (a *App) hearSignals(context.Context) error {
	if a.program == nil {
		return nil // they are the program's that embeds this
	}
	a.heard = make(chan os.Signal, 4)
	signal.Notify(a.heard, syscall.SIGHUP, syscall.SIGUSR1)
	a.stack.Push("signals heard", func(context.Context) error {
		signal.Stop(a.heard)
		return nil
	})
	return nil
}

// listenToSignals follows SIGHUP (read the configuration again) and SIGUSR1 (step the
// log's level) until the process stops.
func (a *App) listenToSignals(context.Context) error {
	if a.program == nil {
		return nil
	}
	a.stack.Go("signals", func(ctx context.Context) error {
		for {
			select {
			case s := <-a.heard:
				if s == syscall.SIGUSR1 {
					a.loudness.step()
				} else {
					a.loudness.forget()
					a.settings.fromSignal()
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	return nil
}

// configure sets the log to a level when that is another one than was configured before: a
// level that was stepped to stays when other settings change.
func (l *loudness) configure(word string) error {
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

// forget makes the next configuration set the level whatever it was.
func (l *loudness) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.anew = true
}

// levels in the order of SIGUSR1: each step tells more, and after the last comes the first.
var levels = []zapcore.Level{zapcore.ErrorLevel, zapcore.WarnLevel, zapcore.InfoLevel, zapcore.DebugLevel}

func (l *loudness) step() {
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

// change is told at both levels' louder one. Call it with the lock held.
func (l *loudness) change(to zapcore.Level) {
	from := l.level.Level()
	if to == from {
		return
	}
	l.level.SetLevel(min(from, to))
	l.log.Log(max(from, to, zapcore.InfoLevel), "the log's level has changed", zap.Stringer("from", from), zap.Stringer("to", to))
	l.level.SetLevel(to)
}
