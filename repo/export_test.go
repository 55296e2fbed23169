package repo

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/infra/db"
)

// FlushCache empties the cache, as its restart would; nothing depends on it.
func (r *Repo) FlushCache(ctx context.Context) error {
	if err := r.kv.FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("flush the cache: %w", err)
	}
	return nil
}

// HangCache lets no command of the cache be answered from now on.
func (r *Repo) HangCache() { r.kv.AddHook(hangs{}) }

type hangs struct{}

// DialHook implements redis.Hook.
func (hangs) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (hangs) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		<-ctx.Done()
		cmd.SetErr(ctx.Err())
		return ctx.Err()
	}
}

// ProcessPipelineHook implements redis.Hook.
func (hangs) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		<-ctx.Done()
		for _, cmd := range cmds {
			cmd.SetErr(ctx.Err())
		}
		return ctx.Err()
	}
}

// Database is the role's own.
func (r *Repo) Database() *db.DB { return r.db }

// OpenTimeout is for tests.
const OpenTimeout = openTimeout
