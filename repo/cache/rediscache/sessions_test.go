package rediscache_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

// told is what each gateway was told last by each registry that holds sessions.
var told sync.Map

type toldKey struct {
	s       *rediscache.Sessions
	gateway string
}

// tryBeat is the beat of a gateway that has put all its sessions since its last beat.
func tryBeat(t *testing.T, s *rediscache.Sessions, gateway string, ready bool) (fresh bool, err error) {
	t.Helper()
	last, _ := told.LoadOrStore(toldKey{s, gateway}, "")
	at, _ := last.(string)
	heard, err := s.Beat(t.Context(), gateway, cache.Beat{Ready: ready, PutAt: &at})
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

func put(t *testing.T, s *rediscache.Sessions, gateway string, user int64) cache.Session {
	t.Helper()
	one := cache.Session{UserID: user, ConnectionID: gateway + "-c", GatewayID: gateway, DeviceID: "d|e", LoginAt: 1}
	require.NoError(t, s.Put(t.Context(), []cache.Session{one}))
	return one
}

// join brings a gateway with one user into the registry, as gateways do.
func join(t *testing.T, s *rediscache.Sessions, gateway string, user int64) cache.Session {
	t.Helper()
	require.True(t, beat(t, s, gateway, true))
	one := put(t, s, gateway, user)
	require.False(t, beat(t, s, gateway, true))
	return one
}

func precisely(gateway string, users ...int64) map[string][]int64 {
	return map[string][]int64{gateway: users}
}

// TestAnotherProcessLearnsOfAGateway that joined while the process reused its view.
func TestAnotherProcessLearnsOfAGateway(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := cachetest.NewClock()
	one, other := rediscache.NewSessions(rdb, at.Now), rediscache.NewSessions(rdb, at.Now)
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
