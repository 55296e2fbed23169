package memory

import (
	"context"
	"sync"
	"time"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// tokens are what is known of tokens, users and devices.
type tokens struct {
	mu    sync.Mutex
	known table[fact, int64]
}

// fact is the key of an entry: whether a token is revoked, when a user signed out, when a device was
// revoked, or that a device uses a token.
type fact struct {
	kind   factKind
	user   int64
	token  string
	device string
}

type factKind int

const (
	ofToken factKind = iota + 1
	ofUser
	ofDevice
	ofUse
)

// Values of a token.
const (
	tokenFine int64 = iota
	tokenRevoked
)

func tokenFact(id string) fact          { return fact{kind: ofToken, token: id} }
func userFact(id int64) fact            { return fact{kind: ofUser, user: id} }
func deviceFact(d store.DeviceKey) fact { return fact{kind: ofDevice, user: d.UserID, device: d.ID} }
func usedFact(t store.UsedToken) fact {
	return fact{kind: ofUse, user: t.UserID, token: t.ID, device: t.DeviceKey.ID}
}

// TokenChecked implements cache.Tokens.
func (c *Cache) TokenChecked(_ context.Context, t store.UsedToken) (state store.TokenState, known bool) {
	now := c.now()
	of := &c.tokens.known
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	word, known := of.get(tokenFact(t.ID), now)
	if !known {
		return store.TokenState{}, false
	}
	if word == tokenRevoked {
		return store.TokenState{Revoked: true}, true
	}
	if state.SignedOutBefore, known = of.get(userFact(t.UserID), now); !known {
		return store.TokenState{}, false
	}
	if t.DeviceKey.ID != "" {
		if state.DeviceRevokedAt, known = of.get(deviceFact(t.DeviceKey), now); !known {
			return store.TokenState{}, false
		}
		_, state.Used = of.get(usedFact(t), now)
	}
	return state, true
}

// PutTokenChecked implements cache.Tokens.
func (c *Cache) PutTokenChecked(_ context.Context, t store.UsedToken, state store.TokenState) error {
	now := c.now()
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	learn := func(of fact, value int64) {
		if _, known := c.tokens.known.peek(of, now); !known {
			c.tokens.known.put(of, value, cache.TokenFor, now)
		}
	}
	learn(tokenFact(t.ID), tokenFine)
	learn(userFact(t.UserID), state.SignedOutBefore)
	if t.DeviceKey.ID != "" {
		learn(deviceFact(t.DeviceKey), state.DeviceRevokedAt)
		if state.Used {
			learn(usedFact(t), 1)
		}
	}
	return nil
}

// PutTokensRevoked implements cache.Tokens.
func (c *Cache) PutTokensRevoked(_ context.Context, list ...store.Token) error {
	now := c.now()
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	for _, t := range list {
		c.tokens.known.put(tokenFact(t.ID), tokenRevoked, max(time.UnixMilli(t.ExpiresAt).Sub(now), cache.TokenFor), now)
	}
	return nil
}

// PutDeviceRevoked implements cache.Tokens.
func (c *Cache) PutDeviceRevoked(_ context.Context, device store.DeviceKey, at int64) error {
	c.tokens.raise(deviceFact(device), at, c.now())
	return nil
}

// PutSignedOut implements cache.Tokens.
func (c *Cache) PutSignedOut(_ context.Context, user, before int64) error {
	c.tokens.raise(userFact(user), before, c.now())
	return nil
}

func (t *tokens) raise(of fact, to int64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if is, known := t.known.peek(of, now); !known || is <= to {
		t.known.put(of, to, cache.TokenFor, now)
	}
}

func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known.clear()
}

func (t *tokens) usage() usage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known.usage()
}
