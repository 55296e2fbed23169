package rediscache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/rediscache"
	"github.com/gochat/gochat/repo/store"
)

func key(conv string, client any) store.ClientKey {
	return store.ClientKey{ConversationID: conv, SenderID: 7, ClientID: fmt.Sprint(client)}
}

func stored(conv string, from, to uint64) (out []store.Message) {
	for seq := from; seq <= to; seq++ {
		out = append(out, store.Message{
			ID: int64(1000 + seq), ConversationID: conv, Seq: seq, SenderID: 7, ClientID: fmt.Sprint(seq), Content: "text", Type: "text", Timestamp: 5,
		})
	}
	return out
}

// TestRedisThatHangsIsLeftAlone: it costs one call's timeout, not one each.
func TestRedisThatHangsIsLeftAlone(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	c := rediscache.New(rdb)
	t.Cleanup(c.Close)
	keys := []store.ClientKey{key("group_1", "a")}
	require.NoError(t, c.Seed(t.Context(), map[string]uint64{"group_1": 0}))
	plug.hangs.Store(true)
	before := plug.asked.Load()
	_, err := c.Allocate(t.Context(), keys)
	require.Error(t, err)
	for range 100 {
		_, err := c.Allocate(t.Context(), keys)
		require.ErrorIs(t, err, cache.ErrAway)
		_, err = c.Stored(t.Context(), keys)
		require.ErrorIs(t, err, cache.ErrAway)
		_, hot := c.Hot(t.Context(), store.Span{ConversationID: "group_1", From: 0, To: 1})
		require.False(t, hot)
		require.Empty(t, c.Users(t.Context(), []int64{1}))
	}
	assert.EqualValues(t, 1, plug.asked.Load()-before)

	// Later on a probe is the only one that waits for it.
	pings := plug.pings.Load()
	require.Eventually(t, func() bool {
		_, err := c.Allocate(t.Context(), keys)
		require.ErrorIs(t, err, cache.ErrAway)
		return plug.pings.Load() > pings+1
	}, 10*time.Second, 5*time.Millisecond)
	assert.EqualValues(t, 1, plug.asked.Load()-before)
	plug.hangs.Store(false)
	require.Eventually(t, func() bool {
		got, err := c.Allocate(t.Context(), keys)
		return err == nil && got[0] == 1
	}, time.Minute, 5*time.Millisecond, "it is asked again")

	// An answer is an answer, even when it is an error.
	require.NoError(t, rdb.Set(t.Context(), "hot_messages:{group_1}", "no set", 0).Err())
	require.Error(t, c.Warm(t.Context(), store.Span{ConversationID: "group_1"}, stored("group_1", 1, 1)))
	_, err = c.Allocate(t.Context(), keys)
	require.NoError(t, err)
}
