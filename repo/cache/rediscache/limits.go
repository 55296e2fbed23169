package rediscache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache"
)

// TakeTokens implements cache.Buckets: it takes from all buckets or from none. It changes asks.
func (c *Cache) TakeTokens(ctx context.Context, asks []cache.Ask) (taken []int, wait time.Duration, err error) {
	err = c.guard.do(ctx, func(ctx context.Context) error {
		taken = make([]int, 0, len(asks))
		for _, a := range asks {
			n, late, err := c.buckets.Take(ctx, a.Key, kv.Rate(a.Rate), a.Tokens, a.Least)
			if err == nil && n > 0 {
				taken = append(taken, n)
				continue
			}
			wait = late
			for i, n := range taken {
				asks[i].Tokens = n
			}
			// Tokens that cannot be given back return as the bucket fills.
			return errors.Join(err, c.giveBack(ctx, asks[:len(taken)]))
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("take tokens from %d buckets: %w", len(asks), err)
	}
	if len(taken) < len(asks) {
		return nil, wait, nil
	}
	return taken, 0, nil
}

// ReturnTokens puts tokens back.
func (c *Cache) ReturnTokens(ctx context.Context, asks []cache.Ask) error {
	err := c.guard.do(ctx, func(ctx context.Context) error { return c.giveBack(ctx, asks) })
	if err != nil {
		return fmt.Errorf("return tokens to %d buckets: %w", len(asks), err)
	}
	return nil
}

func (c *Cache) giveBack(ctx context.Context, asks []cache.Ask) error {
	for _, a := range asks {
		if err := c.buckets.Return(ctx, a.Key, kv.Rate(a.Rate), a.Tokens); err != nil {
			return err
		}
	}
	return nil
}

func markKey(key string) string { return "mark:{" + key + "}" }

// PutMarks sets marks for a time, from now on.
func (c *Cache) PutMarks(ctx context.Context, keys []string, ttl time.Duration) error {
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for _, k := range keys {
			pipe.Set(ctx, markKey(k), 1, ttl)
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("set %d marks: %w", len(keys), err)
	}
	return nil
}

// HasMarks tells of each mark whether it is set.
func (c *Cache) HasMarks(ctx context.Context, keys []string) ([]bool, error) {
	cmds := make([]*redis.IntCmd, len(keys))
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for i, k := range keys {
			cmds[i] = pipe.Exists(ctx, markKey(k))
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for %d marks: %w", len(keys), err)
	}
	out := make([]bool, len(keys))
	for i, cmd := range cmds {
		out[i] = cmd.Val() > 0
	}
	return out, nil
}
