package memory

import (
	"context"
	"sync"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

type users struct {
	mu       sync.Mutex
	profiles table[int64, store.User]
}

// Users implements cache.Users.
func (c *Cache) Users(_ context.Context, ids []int64) map[int64]store.User {
	now := c.now()
	out := make(map[int64]store.User, len(ids))
	c.users.mu.Lock()
	defer c.users.mu.Unlock()
	for _, id := range ids {
		if u, ok := c.users.profiles.get(id, now); ok {
			out[id] = u
		}
	}
	return out
}

// PutUsers implements cache.Users.
func (c *Cache) PutUsers(_ context.Context, list ...store.User) error {
	now := c.now()
	c.users.mu.Lock()
	defer c.users.mu.Unlock()
	for _, u := range list {
		if is, ok := c.users.profiles.peek(u.ID, now); !ok || is.Version <= u.Version {
			c.users.profiles.put(u.ID, u, cache.UserFor, now)
		}
	}
	return nil
}

func (u *users) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.profiles.clear()
}

func (u *users) usage() usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.profiles.usage()
}
