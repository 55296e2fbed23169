// Package memory implements the cache's contract in this process: maps of bounded size, without a
// server and without a goroutine of its own. A restart empties it.
//
// An entry whose time is over counts as a miss; later puts remove it. For lack of room entries go
// before their time, the longest unused first. After a miss the database is asked.
package memory

import (
	"context"
	"time"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// Config bounds a cache.
type Config struct {
	// Bytes bounds all entries together, by an estimate; Go's own overhead comes on top. Each part
	// has a fixed share, so that no part evicts the entries of another.
	Bytes int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// The shares, in parts of 16.
const (
	shares       = 16
	hotShare     = 8
	sendsShare   = 4
	counterShare = 1
	usersShare   = 1
	tokensShare  = 1
	limitsShare  = 1
)

// Cache implements cache.Cache. Its methods return no errors. Each part has a lock of its own.
type Cache struct {
	now  func() time.Time
	most int

	numbers numbers
	hot     hot
	users   users
	tokens  tokens
	limits  limits
}

var _ cache.Cache = (*Cache)(nil)

// New returns an empty cache.
func New(cfg Config) *Cache {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Cache{now: cfg.Now, most: cfg.Bytes}
	part := cfg.Bytes / shares
	c.numbers.counters = newTable(counterShare*part, func(conv string, _ *uint64) int { return len(conv) + wordBytes })
	c.numbers.sends = newTable(sendsShare*part, func(k store.ClientKey, _ send) int { return len(k.ConversationID) + len(k.ClientID) })
	c.hot.conversations = newTable(hotShare*part, func(conv string, h *conversation) int { return len(conv) + h.bytes() })
	c.users.profiles = newTable(usersShare*part, func(_ int64, u store.User) int { return len(u.Username) + len(u.Nickname) + len(u.AvatarURL) })
	c.tokens.known = newTable(tokensShare*part, func(k fact, _ int64) int { return len(k.token) + len(k.device) })
	c.limits.buckets = newTable(limitsShare*part/2, func(key string, _ bucket) int { return len(key) })
	c.limits.marks = newTable(limitsShare*part/2, func(key string, _ struct{}) int { return len(key) })
	return c
}

// Forget empties it, as the end of the process does.
func (c *Cache) Forget() {
	c.numbers.forget()
	c.hot.forget()
	c.users.forget()
	c.tokens.forget()
	c.limits.forget()
}

// Follow implements cache.Follower. A reader between the two steps finds a message stored that is not
// hot yet, and reads it from the database.
func (c *Cache) Follow(_ context.Context, done []store.Committed) error {
	now := c.now()
	c.numbers.follow(done, now)
	c.hot.follow(done, now)
	return nil
}
