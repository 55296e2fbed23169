package rediscache_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/rediscache"
	"github.com/gochat/gochat/repo/store"
)

// TestForgetLeavesNothingOfTheDatabase: whatever the cache remembers of the database goes; what
// others keep in the server stays.
func TestForgetLeavesNothingOfTheDatabase(t *testing.T) {
	t.Parallel()
	rdb := single.open(t)
	c := rediscache.New(rdb.UniversalClient)
	t.Cleanup(c.Close)
	require.NoError(t, c.PutMarks(t.Context(), []string{"a"}, time.Hour))
	_, _, err := c.TakeTokens(t.Context(), []cache.Ask{{Key: "limit:{1}", Rate: cache.Rate{Tokens: 1, Per: time.Hour, Burst: 5}, Tokens: 1, Least: 1}})
	require.NoError(t, err)
	require.NoError(t, rediscache.NewSessions(rdb.UniversalClient, time.Now).Put(t.Context(), []cache.Session{{UserID: 1, ConnectionID: "c", GatewayID: "g"}}))
	require.NoError(t, rdb.Set(t.Context(), "conv_seq", "of another program", 0).Err())
	keys := func() (out []string) {
		names(t, rdb, func(_ context.Context, _ redis.Cmdable, name string) error { out = append(out, name); return nil })
		slices.Sort(out)
		return slices.Compact(out) // a server that makes room lists some twice
	}
	others := keys()
	require.GreaterOrEqual(t, len(others), 4)

	require.NoError(t, c.Seed(t.Context(), map[string]uint64{"group_1": 1}))
	_, err = c.Allocate(t.Context(), []store.ClientKey{key("group_1", "a")})
	require.NoError(t, err)
	require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: "group_1", To: 2, Changed: 1}, stored("group_1", 1, 2)))
	require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: "group_1", LastSeq: 3, Stored: stored("group_1", 3, 3)}}))
	require.NoError(t, c.PutUsers(t.Context(), store.User{ID: 1, Username: "ada"}))
	used := store.UsedToken{ID: "x", DeviceKey: store.DeviceKey{UserID: 1, ID: "phone"}, IssuedAt: 2, ExpiresAt: 3}
	require.NoError(t, c.PutTokenChecked(t.Context(), used, store.TokenState{Used: true}))
	require.NoError(t, c.PutTokensRevoked(t.Context(), store.Token{ID: "y"}))
	require.NoError(t, c.PutDeviceRevoked(t.Context(), store.DeviceKey{UserID: 2, ID: "tablet"}, 1))
	require.NoError(t, c.PutSignedOut(t.Context(), 2, 1))
	put := len(keys()) - len(others)

	n, err := rediscache.Forget(t.Context(), rdb)
	require.NoError(t, err)
	assert.Equal(t, put, n)
	assert.ElementsMatch(t, others, keys())
	_, known := c.TokenChecked(t.Context(), used)
	assert.False(t, known)
}
