package rediscache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// Users returns those of the users that are in the cache. Errors are misses.
func (c *Cache) Users(ctx context.Context, ids []int64) map[int64]store.User {
	cmds := make([]*redis.StringCmd, len(ids))
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for i, id := range ids {
			cmds[i] = pipe.HGet(ctx, userKey(id), "data")
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
	if err != nil {
		return map[int64]store.User{}
	}
	out := make(map[int64]store.User, len(ids))
	for i, cmd := range cmds {
		var u store.User
		if data, err := cmd.Bytes(); err == nil && json.Unmarshal(data, &u) == nil && u.ID == ids[i] {
			out[u.ID] = u
		}
	}
	return out
}

// PutUsers remembers users, each unless a newer version is there.
func (c *Cache) PutUsers(ctx context.Context, users ...store.User) error {
	calls := make([]scriptCall, len(users))
	for i, u := range users {
		data, err := json.Marshal(u)
		if err != nil {
			return fmt.Errorf("encode user %d: %w", u.ID, err)
		}
		calls[i] = scriptCall{[]string{userKey(u.ID)}, []any{u.Version, data, int(cache.UserFor.Seconds())}}
	}
	err := c.guard.do(ctx, func(ctx context.Context) error {
		return runAll(ctx, c.rdb, newerScript, calls, func(_ int, cmd *redis.Cmd) error { return cmd.Err() })
	})
	if err != nil {
		return fmt.Errorf("remember %d users: %w", len(users), err)
	}
	return nil
}
