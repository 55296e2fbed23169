package rediscache

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrAway says that Redis was not asked, because it did not answer a moment ago.
var ErrAway = errors.New("the cache did not answer a moment ago")

const (
	// callTimeout bounds each call: the database could have answered meanwhile.
	callTimeout = 500 * time.Millisecond
	// awayFor is how long Redis is left alone after it did not answer. A Redis that
	// hangs then costs one call's timeout a second, not one for each message.
	awayFor = 500 * time.Millisecond
)

// guard keeps a Redis that hangs from slowing down everything that could go on
// without it. The zero value is ready. Safe for concurrent use.
type guard struct {
	until atomic.Int64 // Unix nanoseconds
}

// do makes one call within callTimeout, or answers ErrAway at once.
func (g *guard) do(ctx context.Context, call func(context.Context) error) error {
	if time.Now().UnixNano() < g.until.Load() {
		return ErrAway
	}
	err := bounded(ctx, call)
	if err != nil && ctx.Err() == nil && !answered(err) {
		g.until.Store(time.Now().Add(awayFor).UnixNano())
	}
	return err
}

// bounded makes a call that is worth trying whatever happened before.
func bounded(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return call(ctx)
}

// answered reports whether an error is Redis's own answer.
func answered(err error) bool {
	var own redis.Error
	return errors.As(err, &own)
}

// scriptCall is one run of a script; its keys are in one slot on a cluster.
type scriptCall struct {
	keys []string
	args []any
}

// runAll runs a script for each call in one round trip, and hands the answers to
// take, in order.
func runAll(ctx context.Context, rdb redis.UniversalClient, script *redis.Script, calls []scriptCall, take func(int, *redis.Cmd) error) error {
	if len(calls) == 1 {
		return take(0, script.Run(ctx, rdb, calls[0].keys, calls[0].args...))
	}
	pipe := rdb.Pipeline()
	cmds := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		cmds[i] = script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	// Each command has its own error.
	_, _ = pipe.Exec(ctx)
	var errs []error
	for i, cmd := range cmds {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			cmd = script.Run(ctx, rdb, calls[i].keys, calls[i].args...)
		}
		if err := take(i, cmd); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d calls failed: %w", len(errs), len(calls), errs[0])
	}
	return nil
}
