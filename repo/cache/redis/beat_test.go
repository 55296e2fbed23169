package rediscache_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rediscache "github.com/gochat/gochat/repo/cache/redis"
)

// TestTheSameBeatTwice: an answer that is lost costs nothing, since the same beat has the same
// answer again. A gateway whose sessions may be lost is told so until it says that it has put
// them after that.
func TestTheSameBeatTwice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, rdb redis.UniversalClient, _ *rediscache.Cache, ns string) {
		at := newClock()
		s := rediscache.NewSessions(rdb, at.now)
		t.Cleanup(s.Close)
		gateway := ns + "gw"
		twice := func(ready bool, putAt string) (heard rediscache.Heard) {
			t.Helper()
			for range 2 {
				again, err := s.Beat(t.Context(), gateway, rediscache.Beat{Ready: ready, PutAt: &putAt})
				require.NoError(t, err)
				if heard.At != "" {
					require.Equal(t, heard, again)
				}
				heard = again
			}
			return heard
		}
		ready := func() bool {
			t.Helper()
			state, err := rdb.Get(t.Context(), "gateway:{"+gateway+"}").Result()
			require.NoError(t, err)
			return state == "ready"
		}
		first := twice(true, "")
		assert.True(t, first.Fresh, "Redis did not know it")
		assert.False(t, ready())
		assert.False(t, twice(true, first.At).Fresh)
		assert.True(t, ready())
		assert.False(t, twice(false, first.At).Fresh)
		assert.False(t, ready(), "it says so itself")

		losses := map[string]func() error{
			"its state ran out": func() error { return rdb.Del(t.Context(), "gateway:{"+gateway+"}").Err() },
			"everything of it was lost": func() error {
				return rdb.Del(t.Context(), "gateway:{"+gateway+"}", "gateway_epochs:{"+gateway+"}").Err()
			},
			"it left": func() error { return s.Leave(t.Context(), gateway) },
		}
		if strings.HasSuffix(t.Name(), "/embedded") { // others use the other ones, too
			losses["what holds the sessions is another"] = func() error { return rdb.Del(t.Context(), "gateways_epoch").Err() }
		}
		for name, lose := range losses {
			before := twice(true, "").At
			require.False(t, twice(true, before).Fresh)
			require.NoError(t, lose(), name)
			for range 2 {
				assert.True(t, twice(false, before).Fresh, name)
				assert.True(t, twice(true, before).Fresh, name)
				assert.False(t, ready(), name)
			}
			after := twice(true, before).At
			assert.False(t, twice(true, after).Fresh, name)
			assert.True(t, ready(), name)
		}
	})
}

// TestAGatewayOfAnOlderVersion says nothing of what it has put, and is told once that it has to.
func TestAGatewayOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	s := rediscache.NewSessions(rdb, newClock().now)
	t.Cleanup(s.Close)
	fresh := func() bool {
		t.Helper()
		heard, err := s.Beat(t.Context(), "old", rediscache.Beat{Ready: true})
		require.NoError(t, err)
		return heard.Fresh
	}
	for range 2 {
		assert.True(t, fresh())
		put(t, s, "old", 1)
		assert.False(t, fresh())
		assert.Equal(t, precisely("old", 1), s.Locate(t.Context(), []int64{1}).Gateways)
		require.NoError(t, rdb.FlushAll(t.Context()).Err())
	}
	assert.True(t, fresh())
	require.NoError(t, rdb.Del(t.Context(), "gateways_epoch").Err())
	assert.True(t, fresh(), "what holds sessions is another")
	assert.False(t, fresh())
}
