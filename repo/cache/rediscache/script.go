package rediscache

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

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
