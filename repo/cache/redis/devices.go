package rediscache

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/store"
)

func deviceKey(d store.DeviceKey) string {
	return "device:{" + strconv.FormatInt(d.UserID, 10) + "}:" + d.ID
}

// DeviceChecked says what is known of a token and a device, in one round trip; known
// is false when the database has to be asked. revokedAt is in Unix milliseconds, 0:
// the device was never revoked.
func (c *Cache) DeviceChecked(ctx context.Context, token string, device store.DeviceKey) (tokenRevokedNow bool, revokedAt int64, known bool) {
	var word, at *redis.StringCmd
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		word, at = pipe.Get(ctx, tokenKey(token)), pipe.Get(ctx, deviceKey(device))
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
	if err != nil {
		return false, 0, false
	}
	if word.Val() == tokenRevoked {
		return true, 0, true
	}
	revokedAt, err = at.Int64()
	return false, revokedAt, err == nil && word.Err() == nil
}

// PutDeviceChecked remembers for a while that a token was not revoked, and when its
// device was, unless more is known by now.
func (c *Cache) PutDeviceChecked(ctx context.Context, token string, device store.DeviceKey, revokedAt int64) error {
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		pipe.SetNX(ctx, tokenKey(token), tokenFine, tokenTTL)
		pipe.SetNX(ctx, deviceKey(device), revokedAt, tokenTTL)
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember a device: %w", err)
	}
	return nil
}

// PutDeviceRevoked overrides what is there, and is tried even when Redis did not
// answer a moment ago: what it remembers otherwise is wrong.
func (c *Cache) PutDeviceRevoked(ctx context.Context, device store.DeviceKey, revokedAt int64) error {
	err := bounded(ctx, func(ctx context.Context) error {
		return c.rdb.Set(ctx, deviceKey(device), revokedAt, tokenTTL).Err()
	})
	if err != nil {
		return fmt.Errorf("remember that a device is revoked: %w", err)
	}
	return nil
}
