package memory

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/gochat/gochat/repo/cache"
)

// limits are token buckets and marks.
type limits struct {
	mu      sync.Mutex
	buckets table[string, bucket]
	marks   table[string, struct{}]
}

// bucket is a token bucket that is not full.
type bucket struct {
	missing int
	// since is when the last token came back or the bucket began to fill, in Unix nanoseconds.
	since int64
}

// interval is the time in which one token comes back.
func interval(r cache.Rate) int64 { return max(int64(r.Per)/int64(r.Tokens), 1) }

// fill lets the tokens come back that were due until now.
func (b *bucket) fill(r cache.Rate, now int64) {
	b.missing = min(b.missing, r.Burst) // the rate may have been changed
	if b.missing == 0 {
		return
	}
	back := max(now-b.since, 0) / interval(r)
	if back >= int64(b.missing) {
		b.missing = 0
		return
	}
	b.missing -= int(back)
	b.since += back * interval(r)
}

// take takes n tokens, or fewer but at least least. With fewer than least in the bucket, taken is 0
// and wait is how long until there are least. The bucket has to be filled up to now before.
func (b *bucket) take(r cache.Rate, n, least int, now int64) (taken int, wait time.Duration) {
	n = min(n, r.Burst)
	least = min(least, n)
	taken = min(n, r.Burst-b.missing)
	if taken < least || taken == 0 {
		lacks := int64(max(least, 1) - (r.Burst - b.missing))
		return 0, after(lacks, r) - time.Duration(now-b.since)
	}
	if b.missing == 0 {
		b.since = now
	}
	b.missing += taken
	return taken, 0
}

// after is how long so many tokens take to come back, at most for ever.
func after(tokens int64, r cache.Rate) time.Duration {
	if tokens > math.MaxInt64/interval(r) {
		return math.MaxInt64
	}
	return time.Duration(tokens * interval(r))
}

// open returns a bucket as full as it is now.
func (l *limits) open(a cache.Ask, now time.Time) bucket {
	b, _ := l.buckets.get(a.Key, now)
	b.fill(a.Rate, now.UnixNano())
	return b
}

// close keeps a bucket until it is full again.
func (l *limits) close(a cache.Ask, b bucket, now time.Time) {
	if b.missing == 0 {
		l.buckets.remove(a.Key)
		return
	}
	l.buckets.put(a.Key, b, max(after(int64(b.missing), a.Rate)-time.Duration(now.UnixNano()-b.since), 1), now)
}

// giveBack puts tokens back.
func (l *limits) giveBack(a cache.Ask, n int, now time.Time) {
	b := l.open(a, now)
	b.missing = max(b.missing-n, 0)
	l.close(a, b, now)
}

// TakeTokens implements cache.Buckets.
func (c *Cache) TakeTokens(_ context.Context, asks []cache.Ask) (taken []int, wait time.Duration, err error) {
	now := c.now()
	l := &c.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	taken = make([]int, 0, len(asks))
	for _, a := range asks {
		b := l.open(a, now)
		n, wait := b.take(a.Rate, a.Tokens, a.Least, now.UnixNano())
		if n == 0 {
			for i, n := range taken {
				l.giveBack(asks[i], n, now)
			}
			return nil, wait, nil
		}
		l.close(a, b, now)
		taken = append(taken, n)
	}
	return taken, 0, nil
}

// ReturnTokens implements cache.Buckets.
func (c *Cache) ReturnTokens(_ context.Context, asks []cache.Ask) error {
	now := c.now()
	c.limits.mu.Lock()
	defer c.limits.mu.Unlock()
	for _, a := range asks {
		c.limits.giveBack(a, a.Tokens, now)
	}
	return nil
}

// PutMarks implements cache.Marks.
func (c *Cache) PutMarks(_ context.Context, keys []string, ttl time.Duration) error {
	now := c.now()
	c.limits.mu.Lock()
	defer c.limits.mu.Unlock()
	for _, k := range keys {
		c.limits.marks.put(k, struct{}{}, ttl, now)
	}
	return nil
}

// HasMarks implements cache.Marks.
func (c *Cache) HasMarks(_ context.Context, keys []string) ([]bool, error) {
	now := c.now()
	out := make([]bool, len(keys))
	c.limits.mu.Lock()
	defer c.limits.mu.Unlock()
	for i, k := range keys {
		_, out[i] = c.limits.marks.get(k, now)
	}
	return out, nil
}

func (l *limits) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buckets.clear()
	l.marks.clear()
}

func (l *limits) usage() usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buckets.usage().plus(l.marks.usage())
}
