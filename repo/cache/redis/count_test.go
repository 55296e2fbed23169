package rediscache_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rediscache "github.com/gochat/gochat/repo/cache/redis"
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

// TestUsersOnlineAreCounted, each once: not those who are gone, nor those of a dead gateway.
func TestUsersOnlineAreCounted(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := newClock()
	s := rediscache.NewSessions(rdb, at.now)
	_, err := s.CountOnline(t.Context())
	require.ErrorIs(t, err, rediscache.ErrPartial, "no gateway has said anything")
	join(t, s, "a", 1)
	join(t, s, "b", 2)
	gone := put(t, s, "a", 3)
	put(t, s, "b", 1)
	put(t, s, "nowhere", 4)
	assert.EqualValues(t, 3, recount(t, rdb, s))
	require.NoError(t, s.Remove(t.Context(), gone))
	n, err := s.CountOnline(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 3, n, "it was counted a moment ago")
	left, err := rdb.TTL(t.Context(), countKey).Result()
	require.NoError(t, err)
	assert.InDelta(t, 10, left.Seconds(), 9)
	assert.EqualValues(t, 2, recount(t, rdb, s))
	at.move(11 * time.Second)
	beat(t, s, "a", true)
	at.move(2 * time.Second)
	assert.EqualValues(t, 1, recount(t, rdb, s), "b is dead, and 1 has a socket on a")
}

// TestNoCountWhileSessionsAreMissing: a figure that says that nobody is there would be wrong.
func TestNoCountWhileSessionsAreMissing(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	s := rediscache.NewSessions(rdb, newClock().now)
	t.Cleanup(s.Close)
	join(t, s, "a", 1)
	require.EqualValues(t, 1, recount(t, rdb, s))
	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	require.True(t, beat(t, s, "a", true))
	_, err := s.CountOnline(t.Context())
	require.ErrorIs(t, err, rediscache.ErrPartial)
	put(t, s, "a", 1)
	beat(t, s, "a", true)
	require.EqualValues(t, 1, recount(t, rdb, s))
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
	s := rediscache.NewSessions(rdb, newClock().now)
	first := join(t, s, "a", 1)
	require.NoError(t, s.Remove(t.Context(), first))
	const all = 12_000
	var list, gone []rediscache.Session
	for i := range int64(all) {
		one := rediscache.Session{UserID: i + 1, ConnectionID: fmt.Sprint(i), GatewayID: "a", LoginAt: 1}
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
