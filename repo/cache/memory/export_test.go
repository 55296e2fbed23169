package memory

import (
	"time"

	"github.com/gochat/gochat/repo/store"
)

// Left tells for how long a send is still remembered.
func (c *Cache) Left(k store.ClientKey) time.Duration {
	c.numbers.mu.Lock()
	defer c.numbers.mu.Unlock()
	e, _ := c.numbers.sends.entries.Peek(k)
	return time.Duration(e.until - c.now().UnixNano())
}

// Usage tells how many entries there are, and how many bytes they take.
func (c *Cache) Usage() (entries, bytes int) {
	u := c.numbers.usage().plus(c.hot.usage(), c.users.usage(), c.tokens.usage(), c.limits.usage())
	return u.entries, u.bytes
}

// HotBytes is what hot messages take of that.
func (c *Cache) HotBytes() int { return c.hot.usage().bytes }

// Recount makes the next count a new one.
func (s *Sessions) Recount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counted = time.Time{}
}

// Users tells how many have sessions.
func (s *Sessions) Users() int { return s.usage().entries }
