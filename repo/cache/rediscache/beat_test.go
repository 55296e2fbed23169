package rediscache_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

// TestAGatewayOfAnOlderVersion says nothing of what it has put, and is told once that it has to.
func TestAGatewayOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	s := rediscache.NewSessions(rdb, cachetest.NewClock().Now)
	t.Cleanup(s.Close)
	fresh := func() bool {
		t.Helper()
		heard, err := s.Beat(t.Context(), "old", cache.Beat{Ready: true})
		require.NoError(t, err)
		return heard.Fresh
	}
	for range 2 {
		assert.True(t, fresh())
		put(t, s, "old", 1)
		assert.False(t, fresh())
		assert.Equal(t, precisely("old", 1), s.Locate(t.Context(), []int64{1}).Gateways)
		lose(t, rdb)
	}
	assert.True(t, fresh())
	require.NoError(t, rdb.Del(t.Context(), "gateways_epoch").Err())
	assert.True(t, fresh(), "what holds sessions is another")
	assert.False(t, fresh())
}
