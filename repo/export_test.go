package repo

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache/memory"
)

// FlushCache empties the cache, as its restart would; nothing depends on it.
func (r *Repo) FlushCache(ctx context.Context) error {
	if own, ok := r.cache.cache.(*memory.Cache); ok {
		own.Forget()
		return nil
	}
	if err := r.redis().FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("flush the cache: %w", err)
	}
	return nil
}

// KeepsSessions reports whether FlushCache leaves who is connected.
func (r *Repo) KeepsSessions() bool {
	_, own := r.cache.cache.(*memory.Cache)
	return own
}

// redis is the client of a role whose cache is a server.
func (r *Repo) redis() *kv.Client {
	return r.cache.figures.(*kv.Client) //nolint:errcheck,forcetypeassert // see openCache
}

// HangCache makes the Redis that is the cache answer no command from now on.
func (r *Repo) HangCache() { r.redis().AddHook(hangs{}) }

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

// Database returns the role's database.
func (r *Repo) Database() *db.DB { return r.db }

// OpenTimeout is for tests.
const OpenTimeout = openTimeout
