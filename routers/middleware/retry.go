package middleware

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	wmiddleware "github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"go.uber.org/zap"
)

// Retry handles a run again in place, with a pause that doubles, and logs each time why. A permanent error is
// not tried again, unless it is a panic.
type Retry struct {
	// Times is how often a run is tried again; then its error goes on.
	Times int
	// Pause is before the first retry; it doubles up to PauseMax.
	Pause, PauseMax time.Duration
	Router          string
	// Content returns what people wrote in a record, which is cut out of the log.
	Content Content
	// Count counts a run that is tried again.
	Count func(router string, err error)
	Log   *zap.Logger
}

// Middleware implements message.HandlerMiddleware, by Watermill's own Retry.
func (r Retry) Middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		return wmiddleware.Retry{
			// With ShouldRetry, Watermill takes two steps of the backoff for each pause: hence the square roots
			// of 2.
			MaxRetries: r.Times, InitialInterval: time.Duration(float64(r.Pause) / math.Sqrt2), MaxInterval: r.PauseMax,
			Multiplier: math.Sqrt2, RandomizationFactor: 0.3, ResetContextOnRetry: true,
			ShouldRetry: func(p wmiddleware.RetryParams) bool {
				if IsPermanent(p.Err) && !IsPanic(p.Err) {
					return false
				}
				if p.RetryNum < r.Times {
					r.Count(r.Router, p.Err)
					r.Log.Warn("retrying a run", append(r.Content.about(msg), zap.String("router", r.Router),
						zap.Int("retry", p.RetryNum+1), zap.String("error", r.Content.describe(msg, p.Err)))...)
				}
				return true
			},
		}.Middleware(h)(msg)
	}
}

// Failed logs why a run goes back to its lane. The line that Watermill itself logs has no traces, and may quote
// what people wrote.
func Failed(router string, content Content, log *zap.Logger) message.HandlerMiddleware {
	return func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			out, err := h(msg)
			if err != nil && !errors.Is(err, context.Canceled) {
				level := zap.ErrorLevel
				if IsDependency(err) { // an outage is logged, once, by whatever watches the dependency
					level = zap.WarnLevel
				}
				log.Log(level, "a run failed; its lane tries it again", append(content.about(msg),
					zap.String("router", router), zap.String("error", content.describe(msg, err)))...)
			}
			return out, err
		}
	}
}
