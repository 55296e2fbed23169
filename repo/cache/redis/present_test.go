package rediscache_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rediscache "github.com/gochat/gochat/repo/cache/redis"
)

func present(t *testing.T, s *rediscache.Sessions, users ...int64) (map[int64][]string, bool) {
	t.Helper()
	got, partial, err := s.Present(t.Context(), users)
	require.NoError(t, err)
	return got, partial
}

// TestWhoIsOnline believes Redis alone: a gateway that is dead for 12 s takes its
// users with it, whoever may still get their messages.
func TestWhoIsOnline(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := newClock()
	s := rediscache.NewSessions(rdb, at.now)
	join(t, s, "a", 1)
	join(t, s, "b", 2)
	put(t, s, "nowhere", 3)
	got, partial := present(t, s, 1, 2, 3, 4)
	assert.Equal(t, map[int64][]string{1: {"d|e"}, 2: {"d|e"}}, got)
	assert.False(t, partial)

	at.move(11 * time.Second)
	beat(t, s, "a", true)
	at.move(2 * time.Second)
	require.NotEmpty(t, s.Locate(t.Context(), []int64{2}).Every, "it might be reached")
	got, partial = present(t, s, 1, 2)
	assert.Equal(t, map[int64][]string{1: {"d|e"}}, got)
	assert.False(t, partial, "that is known")
}

// TestWhoIsOnlineOverALoss: when Redis has lost what it held, who is not found may be
// online, until every gateway has spoken or is dead.
func TestWhoIsOnlineOverALoss(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := newClock()
	s := rediscache.NewSessions(rdb, at.now)
	join(t, s, "a", 1)
	join(t, s, "b", 2)
	_, partial := present(t, s, 1, 2)
	require.False(t, partial)

	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	got, partial := present(t, s, 1, 2)
	assert.Empty(t, got)
	assert.True(t, partial)

	join(t, s, "a", 1)
	for range 2 {
		got, partial = present(t, s, 1, 2)
		assert.Equal(t, map[int64][]string{1: {"d|e"}}, got)
		assert.True(t, partial, "b has not spoken")
		at.move(5 * time.Second)
		beat(t, s, "a", true)
	}
	at.move(6 * time.Second)
	beat(t, s, "a", true)
	got, partial = present(t, s, 1, 2)
	assert.Len(t, got, 1)
	assert.False(t, partial, "b is dead")
	at.move(time.Second)
	join(t, s, "b", 2)
	at.move(time.Second)
	got, partial = present(t, s, 1, 2)
	assert.Len(t, got, 2)
	assert.False(t, partial)
}

// TestWhoIsOnlineOnAGatewayThatIsNotReady: who is connected to a gateway that says that not
// all of its sessions are in may be online, and so may everybody else.
func TestWhoIsOnlineOnAGatewayThatIsNotReady(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := newClock()
	gateways, watcher := rediscache.NewSessions(rdb, at.now), rediscache.NewSessions(rdb, at.now)
	join(t, gateways, "a", 1)
	join(t, gateways, "b", 2)
	for range 2 {
		beat(t, gateways, "a", false)
		at.move(time.Second)
		got, partial := present(t, watcher, 1, 2, 3)
		assert.Equal(t, map[int64][]string{2: {"d|e"}}, got)
		assert.True(t, partial)

		beat(t, gateways, "a", true)
		beat(t, gateways, "b", true)
		at.move(time.Second)
		got, partial = present(t, watcher, 1, 2, 3)
		assert.Len(t, got, 2)
		assert.False(t, partial)
	}
	beat(t, gateways, "a", false)
	at.move(13 * time.Second)
	beat(t, gateways, "b", true)
	got, partial := present(t, watcher, 1, 2, 3)
	assert.Len(t, got, 1)
	assert.False(t, partial, "it is dead")
}

func TestNobodyKnowsWhoIsOnline(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	s := rediscache.NewSessions(rdb, newClock().now)
	join(t, s, "a", 1)
	plug.away.Store(true)
	_, _, err := s.Present(t.Context(), []int64{1})
	require.Error(t, err)
}
