package cachetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
)

func gatewaysGoAway(t *testing.T, s Open) {
	s.join(t, "a", 1)
	s.join(t, "b", 2)
	require.NoError(t, s.Leave(t.Context(), "a"))
	assert.Equal(t, []string{"b"}, s.Live(t.Context()))
	assert.Empty(t, s.Locate(t.Context(), []int64{1}).Gateways)

	s.Clock.Move(13 * time.Second) // b has not beaten: it is dead or late, or it was lost
	assert.Equal(t, []string{"b"}, s.Locate(t.Context(), []int64{2}).Stale)
	s.Clock.Move(12 * time.Second)
	assert.Empty(t, s.Locate(t.Context(), []int64{2}).Stale)
	assert.Empty(t, s.Live(t.Context()))
}

// crowds: of many users those who are not connected are left out, and nobody who is, whoever put
// the session, whenever the registry was lost.
func crowds(t *testing.T, s Open) {
	const gw = "gw"
	crowd := make([]int64, 1000)
	for i := range crowd {
		crowd[i] = int64(i + 1)
	}
	put := func(to cache.Sessions, users ...int64) {
		list := make([]cache.Session, len(users))
		for i, u := range users {
			list[i] = cache.Session{UserID: u, ConnectionID: "c", GatewayID: gw, LoginAt: 1}
		}
		require.NoError(t, to.Put(t.Context(), list))
	}
	located := func(by cache.Sessions) []int64 { return by.Locate(t.Context(), crowd).Gateways[gw] }
	later := func() { s.Clock.Move(time.Second) } // what another process knows may be a second old
	s.beat(t, gw, true)
	put(s, crowd[10], crowd[20])
	s.beat(t, gw, true)
	later()
	assert.Equal(t, []int64{crowd[10], crowd[20]}, located(s.Other))
	put(s, crowd[5])
	assert.Equal(t, []int64{crowd[5], crowd[10], crowd[20]}, located(s.Other), "who has just come is there")
	require.NoError(t, s.Remove(t.Context(), cache.Session{UserID: crowd[10], ConnectionID: "c", GatewayID: gw, LoginAt: 1}))
	assert.Equal(t, []int64{crowd[5], crowd[20]}, located(s.Other), "who has gone is not")
	put(s.Other, crowd[10])
	assert.Equal(t, []int64{crowd[5], crowd[10], crowd[20]}, located(s.Other))
	if s.Lose == nil {
		return
	}
	s.Lose(t)
	found := s.Other.Locate(t.Context(), crowd)
	assert.Equal(t, []string{gw}, found.Stale, "a loss loses nobody")
	s.beat(t, gw, true)
	put(s, crowd[5], crowd[30])
	s.beat(t, gw, true)
	later()
	assert.Equal(t, []int64{crowd[5], crowd[30]}, located(s.Other))
}

// lossesLoseNobody: the list of live gateways is believed for a second, and still no recipient is
// lost when the registry loses everything within it.
func lossesLoseNobody(t *testing.T, s Open) {
	s.join(t, "a", 1)
	s.join(t, "b", 2)
	got := s.Locate(t.Context(), []int64{1, 2, 3})
	assert.Equal(t, map[string][]int64{"a": {1}, "b": {2}}, got.Gateways)
	assert.Empty(t, got.Stale)
	assert.Empty(t, got.PartlyStale)
	assert.Equal(t, []string{"a", "b"}, s.Live(t.Context()))
	if s.Lose == nil {
		return
	}
	s.Lose(t)
	got = s.Locate(t.Context(), []int64{1, 2})
	assert.Empty(t, got.Gateways)
	assert.Equal(t, []string{"a", "b"}, got.Stale)

	assert.True(t, s.beat(t, "a", true), "a is to say everything again")
	got = s.Locate(t.Context(), []int64{1})
	assert.Equal(t, []string{"a", "b"}, got.Stale, "not ready before it has")
	s.put(t, "a", 1)
	assert.False(t, s.beat(t, "a", true))
	got = s.Locate(t.Context(), []int64{1, 2})
	assert.Equal(t, precisely("a", 1), got.Gateways)
	assert.Equal(t, []string{"b"}, got.Stale, "b has not beaten since")
	assert.Equal(t, []string{"a", "b"}, s.Live(t.Context()))
}

// witnessed: a gateway that the witness names counts as live, and is gone cache.SeenFor after the
// witness no longer names it.
func witnessed(t *testing.T, open func(t *testing.T, witness func() []string) Open) {
	var mu sync.Mutex
	live := []string{"a", "b"}
	s := open(t, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return live
	})
	s.told = &sync.Map{}
	s.join(t, "a", 1)
	got := s.Locate(t.Context(), []int64{1})
	assert.Equal(t, precisely("a", 1), got.Gateways)
	assert.Equal(t, []string{"b"}, got.Stale, "it lives and the registry does not know it")
	mu.Lock()
	live = []string{"b"}
	mu.Unlock()
	s.Clock.Move(cache.SeenFor + time.Second)
	assert.Equal(t, []string{"b"}, s.Live(t.Context()))
	mu.Lock()
	live = nil
	mu.Unlock()
	assert.Equal(t, []string{"b"}, s.Locate(t.Context(), []int64{1}).Stale, "it may have been lost for a moment")
	s.Clock.Move(cache.SeenFor + time.Second)
	assert.Empty(t, s.Live(t.Context()))
}
