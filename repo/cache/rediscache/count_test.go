package rediscache_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

const countKey = "online_users_count"

// recount counts without what was counted a moment ago.
func recount(t *testing.T, rdb redis.UniversalClient, s *rediscache.Sessions) int64 {
	t.Helper()
	require.NoError(t, rdb.Del(t.Context(), countKey).Err())
	n, err := s.CountOnline(t.Context())
	require.NoError(t, err)
	return n
}

// TestACountIsKeptForAWhile, and there is none while Redis is away.
func TestACountIsKeptForAWhile(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	s := rediscache.NewSessions(rdb, cachetest.NewClock().Now)
	t.Cleanup(s.Close)
	join(t, s, "a", 1)
	require.EqualValues(t, 1, recount(t, rdb, s))
	left, err := rdb.TTL(t.Context(), countKey).Result()
	require.NoError(t, err)
	assert.InDelta(t, 10, left.Seconds(), 9)
	plug.away.Store(true)
	_, err = s.CountOnline(t.Context())
	require.Error(t, err)
}

// asks counts what is sent.
type asks struct{ n int }

func (*asks) DialHook(next redis.DialHook) redis.DialHook { return next }
func (a *asks) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { a.n++; return next(ctx, cmd) }
}

func (a *asks) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { a.n += len(cmds); return next(ctx, cmds) }
}

// TestACountOfManyCostsNoMore: of 12,000 users who were here a third is gone.
func TestACountOfManyCostsNoMore(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	s := rediscache.NewSessions(rdb, cachetest.NewClock().Now)
	first := join(t, s, "a", 1)
	require.NoError(t, s.Remove(t.Context(), first))
	const all = 12_000
	var list, gone []cache.Session
	for i := range int64(all) {
		one := cache.Session{UserID: i + 1, ConnectionID: fmt.Sprint(i), GatewayID: "a", LoginAt: 1}
		if list = append(list, one); i%3 == 0 {
			gone = append(gone, one)
		}
	}
	for some := range slices.Chunk(list, 200) {
		require.NoError(t, s.Put(t.Context(), some))
	}
	for some := range slices.Chunk(gone, 200) {
		require.NoError(t, s.Remove(t.Context(), some...))
	}
	sent := &asks{}
	rdb.AddHook(sent)
	assert.InDelta(t, all-len(gone), recount(t, rdb, s), 0.04*all, "five times what is usual")
	assert.Less(t, sent.n, 8100)
}
