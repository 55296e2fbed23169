package rediscache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

const (
	// callTimeout bounds each call: the database could have answered meanwhile.
	callTimeout = 500 * time.Millisecond
	// awayFor is how long Redis is left alone after it did not answer.
	awayFor = 500 * time.Millisecond
)

// guard keeps a Redis that hangs from slowing down everything that could go on
// without it. After a call without an answer nobody asks Redis; a probe that nobody
// waits for finds out when it is back. Safe for concurrent use.
type guard struct {
	probe func(context.Context) error
	// until is when Redis may be probed, in Unix nanoseconds; 0: it is well.
	until atomic.Int64

	mu      sync.Mutex
	probing bool
	closed  bool
	wg      sync.WaitGroup
}

// newGuard returns a guard of a client. A cluster is well when all of its masters
// are: the next call may go to any of them.
func newGuard(rdb redis.UniversalClient) *guard {
	g := &guard{probe: func(ctx context.Context) error { return rdb.Ping(ctx).Err() }}
	if cluster, ok := rdb.(*redis.ClusterClient); ok {
		g.probe = func(ctx context.Context) error {
			return cluster.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error { return one.Ping(ctx).Err() })
		}
	}
	return g
}

// do makes one call within callTimeout, or answers cache.ErrAway at once.
func (g *guard) do(ctx context.Context, call func(context.Context) error) error {
	if until := g.until.Load(); until != 0 {
		if time.Now().UnixNano() >= until {
			g.look()
		}
		return cache.ErrAway
	}
	err := bounded(ctx, call)
	if err != nil && ctx.Err() == nil && !answered(err) {
		g.until.Store(time.Now().Add(awayFor).UnixNano())
	}
	return err
}

// look probes Redis, one at a time and without making the caller wait.
func (g *guard) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.probing || g.closed {
		return
	}
	g.probing = true
	g.wg.Go(func() {
		err := bounded(context.Background(), g.probe)
		if err == nil || answered(err) {
			g.until.Store(0)
		} else {
			g.until.Store(time.Now().Add(awayFor).UnixNano())
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.probing = false
	})
}

// close waits for a probe that runs, and lets no other begin.
func (g *guard) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
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
