package kv

import (
	"context"
	"fmt"
	"time"

	redisrate "github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// Rate describes a token bucket: it holds at most Burst tokens, and gets Tokens of them back in each Per.
type Rate struct {
	Tokens int
	Per    time.Duration
	Burst  int
}

// interval is the time in which one token comes back.
func (r Rate) interval() time.Duration { return r.Per / time.Duration(r.Tokens) }

// precision is how exact the library's times are, which it counts in floating point.
const precision = 10 * time.Microsecond

func (r Rate) limit() redisrate.Limit {
	return redisrate.Limit{Rate: r.Tokens, Burst: r.Burst, Period: r.Per}
}

// Buckets are token buckets that all clients of the store share, by the store's clock. An unknown bucket is
// full, and a bucket that is full again takes no memory. Safe for concurrent use.
type Buckets struct{ limiter *redisrate.Limiter }

// NewBuckets returns the buckets of a store.
func NewBuckets(rdb redis.UniversalClient) *Buckets {
	return &Buckets{limiter: redisrate.NewLimiter(rdb)}
}

// Take takes n tokens from a bucket, or all that the bucket has if these are fewer than n but at least least.
// When it takes none, wait is how long it takes until there are least tokens. n and least are cut to the
// bucket's Burst.
func (b *Buckets) Take(ctx context.Context, key string, r Rate, n, least int) (taken int, wait time.Duration, err error) {
	n = min(n, r.Burst)
	least = min(least, n)
	// The library's AllowAtMost counts fractions of tokens as taken and hands out whole ones, so that
	// frequent callers get half of their due; AllowN does not.
	for {
		res, err := b.limiter.AllowN(ctx, key, r.limit(), n)
		if err != nil {
			return 0, 0, fmt.Errorf("take %d tokens: %w", n, err)
		}
		if res.Allowed > 0 {
			return res.Allowed, 0, nil
		}
		// The answer says when there will be n tokens, and so how many there are now.
		missing := 1 + int((res.RetryAfter-1)/r.interval())
		if n-missing < least {
			wait = res.RetryAfter - time.Duration(n-least)*r.interval()
			return 0, max(wait.Round(precision), precision), nil
		}
		n -= missing
	}
}

// Return puts n tokens back; tokens beyond the bucket's Burst are lost. A Take at the same moment may be
// lost, too.
func (b *Buckets) Return(ctx context.Context, key string, r Rate, n int) error {
	res, err := b.limiter.AllowN(ctx, key, r.limit(), -min(n, r.Burst))
	if err == nil && res.ResetAfter <= 0 {
		// The bucket is full, which the library does not store.
		err = b.limiter.Reset(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("return %d tokens: %w", n, err)
	}
	return nil
}
