package rediscache_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache/redis"
)

// TestCrowds: of many users those who are not connected are left out, and nobody who is,
// whoever put the session, whenever Redis was emptied.
func TestCrowds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, rdb redis.UniversalClient, _ *rediscache.Cache, ns string) {
		one, two := rediscache.NewSessions(rdb, time.Now), rediscache.NewSessions(rdb, time.Now)
		t.Cleanup(one.Close)
		t.Cleanup(two.Close)
		gw := ns + "gw"
		base := time.Now().UnixNano() / 1000
		crowd := make([]int64, 1000)
		for i := range crowd {
			crowd[i] = base + int64(i)
		}
		beat := func(ready bool) { beat(t, one, gw, ready) }
		put := func(s *rediscache.Sessions, users ...int64) {
			list := make([]rediscache.Session, len(users))
			for i, u := range users {
				list[i] = rediscache.Session{UserID: u, ConnectionID: "c", GatewayID: gw, LoginAt: 1}
			}
			require.NoError(t, s.Put(t.Context(), list))
		}
		located := func(s *rediscache.Sessions) []int64 { return s.Locate(t.Context(), crowd).Gateways[gw] }
		beat(true)
		put(one, crowd[10], crowd[20])
		beat(true)
		require.Eventually(t, func() bool { return len(located(two)) == 2 }, time.Minute, 10*time.Millisecond)
		put(one, crowd[5])
		assert.Equal(t, []int64{crowd[5], crowd[10], crowd[20]}, located(two), "who has just come is there")
		require.NoError(t, one.Remove(t.Context(), rediscache.Session{UserID: crowd[10], ConnectionID: "c", GatewayID: gw, LoginAt: 1}))
		assert.Equal(t, []int64{crowd[5], crowd[20]}, located(two), "who has gone is not")
		put(two, crowd[10])
		assert.Equal(t, []int64{crowd[5], crowd[10], crowd[20]}, located(two))

		if !strings.HasSuffix(t.Name(), "/embedded") {
			return // others use that Redis, too
		}
		require.NoError(t, rdb.FlushDB(t.Context()).Err())
		beat(true)
		put(one, crowd[5], crowd[30])
		beat(true)
		require.Eventually(t, func() bool {
			found := two.Locate(t.Context(), crowd)
			return len(found.Gateways[gw]) == 2 || len(found.Every) > 0
		}, time.Minute, 10*time.Millisecond, "an emptied Redis loses nobody")
		require.Eventually(t, func() bool { return len(located(two)) == 2 }, time.Minute, 10*time.Millisecond)
	})
}

// TestCrowdsCostLittle: Redis is asked for the sessions of those only who may be connected.
func TestCrowdsCostLittle(t *testing.T) {
	t.Parallel()
	client, err := kv.Open(t.Context(), kv.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	rdb := client.UniversalClient
	counter := &commands{}
	rdb.AddHook(counter)
	s := rediscache.NewSessions(rdb, time.Now)
	t.Cleanup(s.Close)
	beat(t, s, "gw", true)
	crowd := make([]int64, 5000)
	for i := range crowd {
		crowd[i] = int64(i + 1)
	}
	require.NoError(t, s.Put(t.Context(), []rediscache.Session{{UserID: 7, ConnectionID: "c", GatewayID: "gw", LoginAt: 1}}))
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
