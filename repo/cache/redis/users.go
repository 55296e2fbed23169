package rediscache

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/store"
)

// Users returns those of the users that are in the cache.
func (c *Cache) Users(ctx context.Context, ids []int64) map[int64]store.User {
	pipe := c.rdb.Pipeline()
	cmds := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.HGet(ctx, userKey(id), "data")
	}
	// Errors are misses: each command has its own.
	_, _ = pipe.Exec(ctx)
	out := make(map[int64]store.User, len(ids))
	for i, cmd := range cmds {
		var u store.User
		if data, err := cmd.Bytes(); err == nil && json.Unmarshal(data, &u) == nil && u.ID == ids[i] {
			out[u.ID] = u
		}
	}
	return out
}

// PutUser remembers a user unless a newer version is there.
func (c *Cache) PutUser(ctx context.Context, u store.User) error {
	data, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("encode user %d: %w", u.ID, err)
	}
	if err := newerScript.Run(ctx, c.rdb, []string{userKey(u.ID)}, u.Version, data, int(userTTL.Seconds())).Err(); err != nil {
		return fmt.Errorf("remember user %d: %w", u.ID, err)
	}
	return nil
}

// Values of a token's key.
const (
	tokenFine    = "ok"
	tokenRevoked = "revoked"
)

// TokenRevoked says what is known of a token; known is false when the database
// has to be asked.
func (c *Cache) TokenRevoked(ctx context.Context, id string) (revoked, known bool) {
	v, err := c.rdb.Get(ctx, tokenKey(id)).Result()
	return v == tokenRevoked, err == nil
}

// PutTokenFine remembers for a while that a token was not revoked, unless it is
// by now.
func (c *Cache) PutTokenFine(ctx context.Context, id string) error {
	if err := c.rdb.SetNX(ctx, tokenKey(id), tokenFine, tokenTTL).Err(); err != nil {
		return fmt.Errorf("remember a token: %w", err)
	}
	return nil
}

// PutTokenRevoked overrides everything. expiresAt is in Unix milliseconds.
func (c *Cache) PutTokenRevoked(ctx context.Context, id string, expiresAt int64) error {
	ttl := max(time.Until(time.UnixMilli(expiresAt)), tokenTTL)
	if err := c.rdb.Set(ctx, tokenKey(id), tokenRevoked, ttl).Err(); err != nil {
		return fmt.Errorf("remember that a token is revoked: %w", err)
	}
	return nil
}
