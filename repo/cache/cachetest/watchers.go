package cachetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
)

// watchersAreNamed, by every process, until they have not asked for cache.WatchFor.
func watchersAreNamed(t *testing.T, s Open) {
	s.join(t, "a", 1)
	watch := func(by cache.Watchers, gateway string, users ...int64) {
		t.Helper()
		told, err := by.Watch(t.Context(), gateway, users)
		require.NoError(t, err)
		require.True(t, told)
	}
	watching := func(users ...int64) map[int64][]string {
		t.Helper()
		got, err := s.Other.Watching(t.Context(), users)
		require.NoError(t, err)
		return got
	}
	assert.Empty(t, watching(1, 2, 3))
	watch(s, "b", 1, 2)
	watch(s.Other, "a", 1)
	assert.Equal(t, map[int64][]string{1: {"a", "b"}, 2: {"b"}}, watching(1, 2, 3))
	assert.Empty(t, watching())

	s.Clock.Move(cache.WatchFor - time.Second)
	s.beat(t, "a", true)
	watch(s, "a", 1)
	assert.Equal(t, map[int64][]string{1: {"a", "b"}, 2: {"b"}}, watching(1, 2))
	s.Clock.Move(time.Second)
	assert.Equal(t, map[int64][]string{1: {"a"}}, watching(1, 2), "b has not asked again")
}

// theDeadAreNamed until they beat again, have left, or are forgotten.
func theDeadAreNamed(t *testing.T, s Open) {
	dead := func() []string {
		t.Helper()
		heard, err := s.Other.Beat(t.Context(), "lives", cache.Beat{Ready: true, Announces: true})
		require.NoError(t, err)
		return heard.Dead
	}
	s.join(t, "a", 1)
	s.join(t, "b", 2)
	s.join(t, "c", 3)
	assert.Empty(t, dead())
	require.NoError(t, s.Leave(t.Context(), "c"))
	s.Clock.Move(cache.GatewayFor)
	assert.Empty(t, dead(), "they may be late")
	s.Clock.Move(time.Second)
	assert.Equal(t, []string{"a", "b"}, dead(), "c has left")
	s.beat(t, "b", true)
	assert.Equal(t, []string{"a"}, dead(), "b is back")
	for range 10 {
		s.Clock.Move(cache.GatewayFor - time.Second)
		s.beat(t, "b", true)
		dead()
	}
	assert.Empty(t, dead(), "a is forgotten")
}
