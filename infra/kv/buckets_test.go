package kv_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/kv"
)

// aMinute is a rate of one token in ten seconds, with a burst of six.
var aMinute = kv.Rate{Tokens: 6, Per: time.Minute, Burst: 6}

func TestFullBucketsTakeNoMemory(t *testing.T) {
	t.Parallel()
	if os.Getenv("GOCHAT_TEST_REDIS_ADDR") == "" {
		t.Skip("set GOCHAT_TEST_REDIS_ADDR to run it on a real Redis")
	}
	cfg := kv.DefaultConfig()
	cfg.Addrs, cfg.Environment = []string{os.Getenv("GOCHAT_TEST_REDIS_ADDR")}, fmt.Sprint("kv-test-", time.Now().UnixNano())
	c, err := kv.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	b := kv.NewBuckets(c)
	for key := range 3 {
		_, _, err := b.Take(t.Context(), fmt.Sprint(key), aMinute, 1, 1)
		require.NoError(t, err)
	}
	require.NoError(t, b.Return(t.Context(), "0", aMinute, 1))
	assert.EqualValues(t, 2, c.Exists(t.Context(), "rate:0", "rate:1", "rate:2").Val(), "what was given back is gone")
	for _, key := range []string{"rate:1", "rate:2"} {
		left, err := c.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		assert.Positive(t, left)
		assert.LessOrEqual(t, left, 11*time.Second, "and what is full again expires")
	}
}

// TestBucketsAreShared: however many clients take at the same time, they get no more than the bucket holds.
// On every kind of server.
func TestBucketsAreShared(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{
		"single": "GOCHAT_TEST_REDIS_ADDR", "sentinel": "GOCHAT_TEST_REDIS_SENTINEL_ADDRS", "cluster": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Getenv(env) == "" {
				t.Skip("set " + env + " to run it on a real Redis")
			}
			cfg := kv.DefaultConfig()
			cfg.Addrs = strings.Split(os.Getenv(env), ",")
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
