package sqlstore

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// patience is how long a step of a run of migrations may take: quick is for what is small,
// copy for what may copy a large table.
type patience struct{ quick, copy time.Duration }

// watch ends a run of migrations one step of which takes too long. A nil watch does nothing.
type watch struct {
	patience
	parts
	timer *time.Timer
	log   *zap.Logger
}

// start returns a context that is cancelled when a step takes longer than it may; the
// cause says so, and wraps context.DeadlineExceeded. stop ends the watch.
func (p patience) start(ctx context.Context, parts parts, log *zap.Logger) (watched context.Context, w *watch, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	w = &watch{patience: p, parts: parts, log: log}
	w.timer = time.AfterFunc(p.quick, func() {
		cancel(fmt.Errorf("a step takes longer than it may (%s, or %s where tables are copied); the server may go on with it, "+
			"and the next try begins where it then is: %w", p.quick, p.copy, context.DeadlineExceeded))
	})
	return watched, w, func() {
		w.timer.Stop()
		cancel(nil)
	}
}

// next begins the time of a step.
func (w *watch) next(copies bool) {
	switch {
	case w == nil:
	case copies:
		w.timer.Reset(w.copy)
	default:
		w.timer.Reset(w.quick)
	}
}
