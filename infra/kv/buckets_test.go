package kv_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/infra/kv/embedded"
)

// aMinute fills with a token every ten seconds, up to six.
var aMinute = kv.Rate{Tokens: 6, Per: time.Minute, Burst: 6}

// clocked is an embedded server whose clock stands still until it is moved.
func clocked(tb testing.TB) (c *redis.Client, move func(time.Duration)) {
	tb.Helper()
	var now atomic.Int64
	now.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	s := embedded.Start(embedded.Config{Now: func() time.Time { return time.Unix(0, now.Load()) }})
	c = redis.NewClient(&redis.Options{Protocol: 2, DisableIdentity: true, Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return s.Dial(ctx)
	}})
	tb.Cleanup(func() {
		assert.NoError(tb, c.Close())
		assert.NoError(tb, s.Close())
	})
	return c, func(d time.Duration) { now.Add(d.Nanoseconds()) }
}

func TestBucketsFillByTheClock(t *testing.T) {
	t.Parallel()
	c, move := clocked(t)
	b := kv.NewBuckets(c)
	for i, step := range []struct {
		pass     time.Duration
		n, least int
		back     int
		taken    int
		wait     time.Duration
	}{
		{n: 4, least: 4, taken: 4},
		{n: 4, least: 4, wait: 20 * time.Second},
		{n: 4, least: 1, taken: 2},
		{n: 4, least: 1, wait: 10 * time.Second},
		{pass: 9 * time.Second, n: 1, least: 1, wait: time.Second},
		{pass: time.Second, n: 1, least: 1, taken: 1},
		{pass: 15 * time.Second, n: 3, least: 1, taken: 1},
		{n: 3, least: 1, wait: 5 * time.Second}, // no part of a token was lost
		{pass: 5 * time.Second, n: 3, least: 1, taken: 1},
		{back: 2, n: 3, least: 1, taken: 2},
		{n: 1, least: 1, wait: 10 * time.Second},
		{back: 99, n: 99, least: 99, taken: 6}, // no more than it holds, either way
		{pass: time.Hour, n: 99, least: 1, taken: 6},
	} {
		move(step.pass)
		if step.back > 0 {
			require.NoError(t, b.Return(t.Context(), "k", aMinute, step.back))
		}
		taken, wait, err := b.Take(t.Context(), "k", aMinute, step.n, step.least)
		require.NoError(t, err)
		assert.Equal(t, step.taken, taken, "step %d", i)
		assert.InDelta(t, step.wait, wait, float64(10*time.Microsecond), "step %d", i)
	}
	taken, _, err := b.Take(t.Context(), "another", aMinute, 6, 6)
	require.NoError(t, err)
	assert.Equal(t, 6, taken)
}

func TestFullBucketsTakeNoMemory(t *testing.T) {
	t.Parallel()
	c, move := clocked(t)
	b := kv.NewBuckets(c)
	for key := range 3 {
		_, _, err := b.Take(t.Context(), fmt.Sprint(key), aMinute, 1, 1)
		require.NoError(t, err)
	}
	require.NoError(t, b.Return(t.Context(), "0", aMinute, 1))
	assert.EqualValues(t, 2, c.Exists(t.Context(), "rate:0", "rate:1", "rate:2").Val(), "what was given back is gone")
	move(10 * time.Second)
	assert.Zero(t, c.Exists(t.Context(), "rate:0", "rate:1", "rate:2").Val(), "and what is full again expires")
}

// TestBucketsAreShared: however many clients ask at the same time, no more goes out
// than the bucket holds. On every kind of server.
func TestBucketsAreShared(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{
		"embedded": "", "single": "GOCHAT_TEST_REDIS_ADDR", "sentinel": "GOCHAT_TEST_REDIS_SENTINEL_ADDRS", "cluster": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := kv.DefaultConfig()
			if env != "" {
				if os.Getenv(env) == "" {
					t.Skip("set " + env + " to run it on a real Redis")
				}
				cfg.Addrs = strings.Split(os.Getenv(env), ",")
			}
			if name == "sentinel" {
				cfg.MasterName = "gochat"
			}
			c, err := kv.Open(t.Context(), cfg)
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, c.Close()) })
			run := time.Now().UnixNano()
			for i := range 8 { // every node of a cluster gets some
				key := fmt.Sprintf("kv_test:%d:%d", run, i)
				var total atomic.Int64
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						one := kv.NewBuckets(c) // a process of its own
						for range 10 {
							taken, wait, err := one.Take(context.WithoutCancel(t.Context()), key, kv.Rate{Tokens: 1, Per: time.Hour, Burst: 50}, 3, 1)
							assert.NoError(t, err)
							assert.Equal(t, taken == 0, wait > 0)
							total.Add(int64(taken))
						}
					})
				}
				wg.Wait()
				assert.EqualValues(t, 50, total.Load())
			}
		})
	}
}
