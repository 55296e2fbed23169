package rediscache_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

func TestNobodyKnowsWhoIsOnline(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	s := rediscache.NewSessions(rdb, cachetest.NewClock().Now)
	join(t, s, "a", 1)
	plug.away.Store(true)
	_, _, err := s.Present(t.Context(), []int64{1})
	require.Error(t, err)
}
