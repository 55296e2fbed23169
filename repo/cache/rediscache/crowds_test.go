package rediscache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

// TestCrowdsCostLittle: Redis is asked for the sessions of those only who may be connected.
func TestCrowdsCostLittle(t *testing.T) {
	t.Parallel()
	rdb := single.open(t)
	counter := &commands{}
	rdb.AddHook(counter)
	s := rediscache.NewSessions(rdb, time.Now)
	t.Cleanup(s.Close)
	beat(t, s, "gw", true)
	crowd := make([]int64, 5000)
	for i := range crowd {
		crowd[i] = int64(i + 1)
	}
	require.NoError(t, s.Put(t.Context(), []cache.Session{{UserID: 7, ConnectionID: "c", GatewayID: "gw", LoginAt: 1}}))
	beat(t, s, "gw", true)
	counter.n.Store(0)
	assert.Equal(t, []int64{7}, s.Locate(t.Context(), crowd).Gateways["gw"])
	assert.Less(t, counter.n.Load(), int64(20), "commands for 5,000 users of whom one is connected")
}

// commands counts what Redis is asked.
type commands struct{ n atomic.Int64 }

func (c *commands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}
