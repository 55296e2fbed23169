package rediscache

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

var (
	//go:embed scripts/raise.lua
	raiseSource string

	raiseScript = redis.NewScript(raiseSource)
)

// Values of a token's key.
const (
	tokenFine    = "ok"
	tokenRevoked = "revoked"
)

func deviceKey(d store.DeviceKey) string {
	return devicePrefix + strconv.FormatInt(d.UserID, 10) + "}:" + d.ID
}

// signedOutKey holds the time before which a user's tokens are revoked, 0 for none. It is set only
// for users who exist.
func signedOutKey(user int64) string { return signedOutPrefix + strconv.FormatInt(user, 10) + "}" }

// usedKey is set when the database has that the device uses the token. The length tells where the
// token's id ends: both ids may contain colons.
func usedKey(t store.UsedToken) string {
	return usedPrefix + strconv.FormatInt(t.UserID, 10) + "}:" + strconv.Itoa(len(t.ID)) + ":" + t.ID + ":" + t.DeviceKey.ID
}

// TokenChecked returns the state of a token and, when t names a device, of that device, in one round
// trip; known is false when the database has to be asked.
func (c *Cache) TokenChecked(ctx context.Context, t store.UsedToken) (state store.TokenState, known bool) {
	var word, signedOut, device, used *redis.StringCmd
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		word, signedOut = pipe.Get(ctx, tokenKey(t.ID)), pipe.Get(ctx, signedOutKey(t.UserID))
		if t.DeviceKey.ID != "" {
			device, used = pipe.Get(ctx, deviceKey(t.DeviceKey)), pipe.Get(ctx, usedKey(t))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
	if err != nil {
		return store.TokenState{}, false
	}
	if word.Val() == tokenRevoked {
		return store.TokenState{Revoked: true}, true
	}
	if state.SignedOutBefore, err = signedOut.Int64(); err != nil || word.Err() != nil {
		return store.TokenState{}, false
	}
	if device != nil {
		if state.DeviceRevokedAt, err = device.Int64(); err != nil {
			return store.TokenState{}, false
		}
		state.Used = used.Err() == nil
	}
	return state, true
}

// PutTokenChecked keeps for cache.TokenFor the state that the database has of a token that is not
// revoked. It overrides no entry: the caller may have read the state before a revocation.
func (c *Cache) PutTokenChecked(ctx context.Context, t store.UsedToken, state store.TokenState) error {
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		pipe.SetNX(ctx, tokenKey(t.ID), tokenFine, cache.TokenFor)
		pipe.SetNX(ctx, signedOutKey(t.UserID), state.SignedOutBefore, cache.TokenFor)
		if t.DeviceKey.ID != "" {
			pipe.SetNX(ctx, deviceKey(t.DeviceKey), state.DeviceRevokedAt, cache.TokenFor)
			if state.Used {
				pipe.SetNX(ctx, usedKey(t), 1, cache.TokenFor)
			}
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember a token: %w", err)
	}
	return nil
}

// PutTokensRevoked marks tokens as revoked, whatever was kept of them. As the other revocations, it
// is tried even when Redis did not answer a moment ago: without it Redis' entries are wrong.
func (c *Cache) PutTokensRevoked(ctx context.Context, tokens ...store.Token) error {
	if len(tokens) == 0 {
		return nil
	}
	err := bounded(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for _, t := range tokens {
			pipe.Set(ctx, tokenKey(t.ID), tokenRevoked, max(time.Until(time.UnixMilli(t.ExpiresAt)), cache.TokenFor))
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember that %d tokens are revoked: %w", len(tokens), err)
	}
	return nil
}

// PutDeviceRevoked keeps the time at which a device was revoked, in Unix milliseconds.
func (c *Cache) PutDeviceRevoked(ctx context.Context, device store.DeviceKey, at int64) error {
	if err := c.raise(ctx, deviceKey(device), at); err != nil {
		return fmt.Errorf("remember that a device is revoked: %w", err)
	}
	return nil
}

// PutSignedOut keeps the time, in Unix milliseconds, before which a user's tokens are revoked.
func (c *Cache) PutSignedOut(ctx context.Context, user, before int64) error {
	if err := c.raise(ctx, signedOutKey(user), before); err != nil {
		return fmt.Errorf("remember that user %d signed out everywhere: %w", user, err)
	}
	return nil
}

func (c *Cache) raise(ctx context.Context, key string, to int64) error {
	return bounded(ctx, func(ctx context.Context) error {
		return raiseScript.Run(ctx, c.rdb, []string{key}, to, int(cache.TokenFor.Seconds())).Err()
	})
}
