package rediscache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

// TestStatesAreReadWhenTheyChange: a process that looks once a second at the gateways reads their states only when one has
// changed, wherever that was, and at least twice a minute.
func TestStatesAreReadWhenTheyChange(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := cachetest.NewClock()
	s, other := rediscache.NewSessions(rdb, at.Now), rediscache.NewSessions(rdb, at.Now)
	t.Cleanup(s.Close)
	t.Cleanup(other.Close)
	join(t, s, "a", 1)
	join(t, s, "b", 2)
	located := func() map[string][]int64 {
		at.Move(time.Second)
		return other.Locate(t.Context(), []int64{1, 2}).Gateways
	}
	both := map[string][]int64{"a": {1}, "b": {2}}
	require.Equal(t, both, located())

	require.NoError(t, rdb.Set(t.Context(), "gateway:{a}", "joining", time.Minute).Err())
	for range 25 {
		require.Equal(t, both, located(), "nobody has counted a change")
		beat(t, s, "b", true)
		require.NoError(t, rdb.ZAdd(t.Context(), "gateways", redis.Z{Score: float64(at.Now().UnixMilli()), Member: "a"}).Err())
	}
	for range 6 {
		at.Move(time.Second)
		beat(t, s, "b", true)
		require.NoError(t, rdb.ZAdd(t.Context(), "gateways", redis.Z{Score: float64(at.Now().UnixMilli()), Member: "a"}).Err())
	}
	require.Equal(t, precisely("b", 2), located())

	beat(t, s, "a", true)
	require.Equal(t, both, located(), "a change is counted")
	beat(t, s, "a", false)
	require.Equal(t, precisely("b", 2), located())
	beat(t, s, "a", true)
	require.NoError(t, s.Leave(t.Context(), "b"))
	require.Equal(t, precisely("a", 1), located())
}

// TestAChangeThatWasNotCounted, because the process that handled the beat ended, is counted with the next beat.
func TestAChangeThatWasNotCounted(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	s := rediscache.NewSessions(rdb, cachetest.NewClock().Now)
	t.Cleanup(s.Close)
	join(t, s, "a", 1)
	counted := func() string {
		beat(t, s, "a", true)
		return rdb.Get(t.Context(), "gateways_changes").Val()
	}
	before := counted()
	require.Equal(t, before, counted(), "nothing has changed")
	require.NoError(t, rdb.Set(t.Context(), "gateway_counted:{a}", "another state", time.Minute).Err())
	after := counted()
	require.NotEqual(t, before, after)
	require.Equal(t, after, counted())
}

// TestWatchersAskWhileAGatewayIsMute: beside a gateway of an older release, which announces nothing, watchers are told
// that they have to ask.
func TestWatchersAskWhileAGatewayIsMute(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := cachetest.NewClock()
	s := rediscache.NewSessions(rdb, at.Now)
	t.Cleanup(s.Close)
	told := func() bool {
		at.Move(time.Second)
		told, err := s.Watch(t.Context(), "a", []int64{1})
		require.NoError(t, err)
		return told
	}
	speak := func(gateway string, announces bool) {
		_, err := s.Beat(t.Context(), gateway, cache.Beat{Ready: true, PutAt: new(string), Announces: announces})
		require.NoError(t, err)
	}
	speak("a", true)
	assert.True(t, told())
	speak("old", false)
	assert.False(t, told())
	require.NoError(t, s.Leave(t.Context(), "old"))
	assert.True(t, told())
	speak("old", false)
	at.Move(cache.GatewayFor)
	assert.True(t, told(), "it is dead")
}

// TestOfManyDeadGatewaysTheLastAreNamed, so that each death changes what gateways are told.
func TestOfManyDeadGatewaysTheLastAreNamed(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := cachetest.NewClock()
	s := rediscache.NewSessions(rdb, at.Now)
	t.Cleanup(s.Close)
	speak := func(gateway string) []string {
		heard, err := s.Beat(t.Context(), gateway, cache.Beat{Ready: true, PutAt: new(string), Announces: true})
		require.NoError(t, err)
		return heard.Dead
	}
	for i := range 70 {
		speak(fmt.Sprint("g", i))
	}
	at.Move(time.Second)
	speak("late")
	at.Move(cache.GatewayFor)
	before := speak("lives")
	require.NotContains(t, before, "late")
	at.Move(time.Second)
	after := speak("lives")
	require.Contains(t, after, "late")
	require.Len(t, after, len(before))
}

// TestPresentIsUnsureWhileAnotherCallLooksAgain: a call whose view lacks a gateway, because of which another call has asked
// Redis again since, does not say that the gateway's users are offline.
func TestPresentIsUnsureWhileAnotherCallLooksAgain(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := cachetest.NewClock()
	s, other := rediscache.NewSessions(rdb, at.Now), rediscache.NewSessions(rdb, at.Now)
	t.Cleanup(s.Close)
	t.Cleanup(other.Close)
	join(t, s, "a", 1)
	_, _, err := other.Present(t.Context(), []int64{1})
	require.NoError(t, err)
	at.Move(time.Millisecond)
	join(t, s, "new", 2)
	found, partial, err := other.Present(t.Context(), []int64{1, 2})
	require.NoError(t, err)
	assert.Len(t, found, 2, "a session of a gateway that has just joined")
	assert.False(t, partial)
}
