package cachetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
)

func present(t *testing.T, s cache.Presence, users ...int64) (map[int64][]string, bool) {
	t.Helper()
	got, partial, err := s.Present(t.Context(), users)
	require.NoError(t, err)
	return got, partial
}

// whoIsOnline: presence goes by the registry alone. The users of a gateway that did not beat for 12 s
// are offline, although messages for them may still go there.
func whoIsOnline(t *testing.T, s Open) {
	s.join(t, "a", 1)
	s.join(t, "b", 2)
	s.put(t, "nowhere", 3)
	got, partial := present(t, s, 1, 2, 3, 4)
	assert.Equal(t, map[int64][]string{1: {"d|e"}, 2: {"d|e"}}, got)
	assert.False(t, partial)

	s.Clock.Move(11 * time.Second)
	s.beat(t, "a", true)
	s.Clock.Move(2 * time.Second)
	require.NotEmpty(t, s.Locate(t.Context(), []int64{2}).Stale, "it might be reached")
	got, partial = present(t, s, 1, 2)
	assert.Equal(t, map[int64][]string{1: {"d|e"}}, got)
	assert.False(t, partial, "that is known")
}

// whoIsOnlineOverALoss: after the registry lost its data, a user who is not found may be online,
// until every gateway has put its sessions again or is dead.
func whoIsOnlineOverALoss(t *testing.T, s Open) {
	s.join(t, "a", 1)
	s.join(t, "b", 2)
	_, partial := present(t, s, 1, 2)
	require.False(t, partial)
	if s.Lose == nil {
		return
	}
	s.Lose(t)
	got, partial := present(t, s, 1, 2)
	assert.Empty(t, got)
	assert.True(t, partial)

	s.join(t, "a", 1)
	for range 2 {
		got, partial = present(t, s, 1, 2)
		assert.Equal(t, map[int64][]string{1: {"d|e"}}, got)
		assert.True(t, partial, "b has not spoken")
		s.Clock.Move(5 * time.Second)
		s.beat(t, "a", true)
	}
	s.Clock.Move(6 * time.Second)
	s.beat(t, "a", true)
	got, partial = present(t, s, 1, 2)
	assert.Len(t, got, 1)
	assert.False(t, partial, "b is dead")
	s.Clock.Move(time.Second)
	s.join(t, "b", 2)
	s.Clock.Move(time.Second)
	got, partial = present(t, s, 1, 2)
	assert.Len(t, got, 2)
	assert.False(t, partial)
}

// whoIsOnlineWhileJoining: while a gateway is not ready, any user who is not found may be online.
func whoIsOnlineWhileJoining(t *testing.T, s Open) {
	s.join(t, "a", 1)
	s.join(t, "b", 2)
	for range 2 {
		s.beat(t, "a", false)
		s.Clock.Move(time.Second)
		got, partial := present(t, s.Other, 1, 2, 3)
		assert.Equal(t, map[int64][]string{2: {"d|e"}}, got)
		assert.True(t, partial)

		s.beat(t, "a", true)
		s.beat(t, "b", true)
		s.Clock.Move(time.Second)
		got, partial = present(t, s.Other, 1, 2, 3)
		assert.Len(t, got, 2)
		assert.False(t, partial)
	}
	s.beat(t, "a", false)
	s.Clock.Move(11 * time.Second)
	s.beat(t, "b", true)
	s.Clock.Move(2 * time.Second)
	got, partial := present(t, s.Other, 1, 2, 3)
	assert.Len(t, got, 1)
	assert.False(t, partial, "it is dead")
}

// recount counts without what was counted a moment ago.
func (s Open) recount(t *testing.T) int64 {
	t.Helper()
	s.Recount(t)
	n, err := s.CountOnline(t.Context())
	require.NoError(t, err)
	return n
}

// usersAreCounted, each once: not those who are gone, nor those of a dead gateway.
func usersAreCounted(t *testing.T, s Open) {
	_, err := s.CountOnline(t.Context())
	require.ErrorIs(t, err, cache.ErrPartial, "no gateway has said anything")
	s.join(t, "a", 1)
	s.join(t, "b", 2)
	gone := s.put(t, "a", 3)
	s.put(t, "b", 1)
	s.put(t, "nowhere", 4)
	assert.EqualValues(t, 3, s.recount(t))
	require.NoError(t, s.Remove(t.Context(), gone))
	n, err := s.CountOnline(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 3, n, "it was counted a moment ago")
	assert.EqualValues(t, 2, s.recount(t))
	s.Clock.Move(11 * time.Second)
	s.beat(t, "a", true)
	s.Clock.Move(2 * time.Second)
	assert.EqualValues(t, 1, s.recount(t), "b is dead, and 1 has a socket on a")
}

// noCountWhileMissing: a figure that says that nobody is there would be wrong.
func noCountWhileMissing(t *testing.T, s Open) {
	s.join(t, "a", 1)
	require.EqualValues(t, 1, s.recount(t))
	s.beat(t, "a", false)
	s.Recount(t)
	_, err := s.CountOnline(t.Context())
	require.ErrorIs(t, err, cache.ErrPartial, "it has not put all of them")
	s.beat(t, "a", true)
	require.EqualValues(t, 1, s.recount(t))
	if s.Lose == nil {
		return
	}
	s.Lose(t)
	require.True(t, s.beat(t, "a", true))
	_, err = s.CountOnline(t.Context())
	require.ErrorIs(t, err, cache.ErrPartial)
	s.put(t, "a", 1)
	s.beat(t, "a", true)
	require.EqualValues(t, 1, s.recount(t))
}
