package rediscache_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

func TestRedisAwayLosesNoRecipient(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := cachetest.NewClock()
	s := rediscache.NewSessions(rdb, at.Now)
	join(t, s, "a", 1)
	require.Empty(t, s.Locate(t.Context(), []int64{1}).Stale)
	plug.away.Store(true)
	for range 3 { // within the second in which the list is believed, and after it
		got := s.Locate(t.Context(), []int64{1})
		assert.Empty(t, got.Gateways)
		assert.Equal(t, []string{"a"}, got.Stale)
		at.Move(700 * time.Millisecond)
	}
	_, err := tryBeat(t, s, "a", true)
	require.Error(t, err)
}

// TestRedisAwayForLong: however long Redis is away, gateways that go on beating get
// everything, and so do those that Redis knew before and nobody said are gone.
func TestRedisAwayForLong(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := cachetest.NewClock()
	s := rediscache.NewSessions(rdb, at.Now)
	t.Cleanup(s.Close)
	join(t, s, "a", 1)
	join(t, s, "beats elsewhere", 2)
	both := []string{"a", "beats elsewhere"}
	plug.away.Store(true)
	for range 40 {
		at.Move(3 * time.Second)
		_, err := tryBeat(t, s, "a", true)
		require.Error(t, err)
		assert.Equal(t, both, s.Locate(t.Context(), []int64{1}).Stale)
		assert.Equal(t, both, s.Live(t.Context()))
	}
	// Redis is back and knows nobody. Who does not beat in time is gone.
	plug.away.Store(false)
	require.Eventually(t, func() bool {
		at.Move(time.Second)
		_, err := tryBeat(t, s, "a", true)
		require.NoError(t, err)
		return len(s.Locate(t.Context(), []int64{1}).Gateways) > 0
	}, 10*time.Second, 10*time.Millisecond)
	assert.Contains(t, s.Live(t.Context()), "beats elsewhere")
	for range 3 {
		at.Move(9 * time.Second)
		beat(t, s, "a", true)
	}
	assert.Equal(t, []string{"a"}, s.Live(t.Context()))
}

// TestWitness: a gateway that the witness names counts as live, and one that the witness no longer
// names is gone, also while Redis is silent.
func TestWitness(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := cachetest.NewClock()
	s := rediscache.NewSessions(rdb, at.Now)
	t.Cleanup(s.Close)
	var mu sync.Mutex
	live := []string{"a", "b"}
	s.Witness(func() []string {
		mu.Lock()
		defer mu.Unlock()
		return live
	})
	join(t, s, "a", 1)
	got := s.Locate(t.Context(), []int64{1})
	assert.Equal(t, precisely("a", 1), got.Gateways)
	assert.Equal(t, []string{"b"}, got.Stale, "it lives and Redis does not know it")

	plug.away.Store(true)
	for range 40 {
		at.Move(3 * time.Second)
		assert.Equal(t, []string{"a", "b"}, s.Locate(t.Context(), []int64{1}).Stale)
	}
	mu.Lock()
	live = []string{"b"}
	mu.Unlock()
	at.Move(seenForTest)
	assert.Equal(t, []string{"b"}, s.Live(t.Context()))
}

// seenForTest is longer than a vanished gateway counts as possibly live.
const seenForTest = 25 * time.Second
