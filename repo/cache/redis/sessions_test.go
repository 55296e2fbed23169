package rediscache_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache/redis"
)

// clock is a time that a test moves.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(1_800_000_000_000)
	return c
}

func (c *clock) now() time.Time       { return time.UnixMilli(c.ms.Load()) }
func (c *clock) move(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// told is what each gateway was told last by each registry that holds sessions.
var told sync.Map

type toldKey struct {
	s       *rediscache.Sessions
	gateway string
}

// tryBeat is of a gateway that has put all its sessions since its last beat.
func tryBeat(t *testing.T, s *rediscache.Sessions, gateway string, ready bool) (fresh bool, err error) {
	t.Helper()
	last, _ := told.LoadOrStore(toldKey{s, gateway}, "")
	at, _ := last.(string)
	heard, err := s.Beat(t.Context(), gateway, rediscache.Beat{Ready: ready, PutAt: &at})
	if err == nil {
		told.Store(toldKey{s, gateway}, heard.At)
	}
	return heard.Fresh, err
}

func beat(t *testing.T, s *rediscache.Sessions, gateway string, ready bool) (fresh bool) {
	t.Helper()
	fresh, err := tryBeat(t, s, gateway, ready)
	require.NoError(t, err)
	return fresh
}

func put(t *testing.T, s *rediscache.Sessions, gateway string, user int64) rediscache.Session {
	t.Helper()
	one := rediscache.Session{UserID: user, ConnectionID: gateway + "-c", GatewayID: gateway, DeviceID: "d|e", LoginAt: 1}
	require.NoError(t, s.Put(t.Context(), []rediscache.Session{one}))
	return one
}

// join brings a gateway with one user into the registry, as gateways do.
func join(t *testing.T, s *rediscache.Sessions, gateway string, user int64) rediscache.Session {
	t.Helper()
	require.True(t, beat(t, s, gateway, true))
	one := put(t, s, gateway, user)
	require.False(t, beat(t, s, gateway, true))
	return one
}

func precisely(gateway string, users ...int64) map[string][]int64 {
	return map[string][]int64{gateway: users}
}

// TestLossOfRedisLosesNoRecipient: the list of live gateways is believed for a
// second, and still no recipient is lost when Redis is emptied within it.
func TestLossOfRedisLosesNoRecipient(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	s := rediscache.NewSessions(rdb, newClock().now)
	join(t, s, "a", 1)
	join(t, s, "b", 2)
	got := s.Locate(t.Context(), []int64{1, 2, 3})
	assert.Equal(t, map[string][]int64{"a": {1}, "b": {2}}, got.Gateways)
	assert.Empty(t, got.Every)

	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	got = s.Locate(t.Context(), []int64{1, 2})
	assert.Empty(t, got.Gateways)
	assert.Equal(t, []string{"a", "b"}, got.Every)

	assert.True(t, beat(t, s, "a", true), "a is to say everything again")
	got = s.Locate(t.Context(), []int64{1})
	assert.Equal(t, []string{"a", "b"}, got.Every, "not ready before it has")
	put(t, s, "a", 1)
	assert.False(t, beat(t, s, "a", true))
	got = s.Locate(t.Context(), []int64{1, 2})
	assert.Equal(t, precisely("a", 1), got.Gateways)
	assert.Equal(t, []string{"b"}, got.Every, "b has not beaten since")
	assert.Equal(t, []string{"a", "b"}, s.Live(t.Context()))
}

// TestAnotherProcessLearnsOfAGateway that joined while it believed its list.
func TestAnotherProcessLearnsOfAGateway(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := newClock()
	one, other := rediscache.NewSessions(rdb, at.now), rediscache.NewSessions(rdb, at.now)
	join(t, one, "a", 1)
	require.Equal(t, precisely("a", 1), other.Locate(t.Context(), []int64{1}).Gateways)
	join(t, one, "b", 2)
	assert.Equal(t, precisely("b", 2), other.Locate(t.Context(), []int64{2}).Gateways)

	put(t, one, "dead", 3) // and who never beat is not asked about each time
	assert.Empty(t, other.Locate(t.Context(), []int64{3}).Gateways)
	before := plug.asked.Load()
	for range 10 {
		assert.Empty(t, other.Locate(t.Context(), []int64{3}).Gateways)
	}
	assert.EqualValues(t, 10, plug.asked.Load()-before, "one round trip each")
}

func TestGatewaysGoAway(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := newClock()
	s := rediscache.NewSessions(rdb, at.now)
	join(t, s, "a", 1)
	join(t, s, "b", 2)
	require.NoError(t, s.Leave(t.Context(), "a"))
	assert.Equal(t, []string{"b"}, s.Live(t.Context()))
	assert.Empty(t, s.Locate(t.Context(), []int64{1}).Gateways)

	at.move(13 * time.Second) // b has not beaten: dead, or Redis lost it
	assert.Equal(t, []string{"b"}, s.Locate(t.Context(), []int64{2}).Every)
	at.move(12 * time.Second)
	assert.Empty(t, s.Locate(t.Context(), []int64{2}).Every)
	assert.Empty(t, s.Live(t.Context()))
}

func TestLateRemovalTakesNoNewerSession(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	s := rediscache.NewSessions(rdb, newClock().now)
	one := join(t, s, "a", 1)
	older := one
	older.LoginAt--
	require.NoError(t, s.Remove(t.Context(), older))
	assert.Equal(t, precisely("a", 1), s.Locate(t.Context(), []int64{1}).Gateways)
	require.NoError(t, s.Remove(t.Context(), one))
	assert.Empty(t, s.Locate(t.Context(), []int64{1}).Gateways)
}
