package rediscache_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gochat/gochat/infra/kv"
	rediscache "github.com/gochat/gochat/repo/cache/redis"
	"github.com/gochat/gochat/repo/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// each runs a test on the embedded server, and on real ones when there are any.
// Conversations are named ns and a number, since the servers are others' too.
func each(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient, c *rediscache.Cache, ns string)) {
	t.Helper()
	for name, env := range map[string]string{
		"embedded": "", "single": "GOCHAT_TEST_REDIS_ADDR", "sentinel": "GOCHAT_TEST_REDIS_SENTINEL_ADDRS", "cluster": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS",
		"single, an environment": "GOCHAT_TEST_REDIS_ADDR", "cluster, an environment": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := kv.DefaultConfig()
			if env != "" {
				addrs := os.Getenv(env)
				if addrs == "" {
					t.Skip("set " + env + " (host:port,host:port,…) to run it on a real Redis")
				}
				cfg.Addrs = strings.Split(addrs, ",")
			}
			if strings.HasSuffix(name, "environment") {
				cfg.Environment = "rate" // also the start of limits' names
			}
			if name == "sentinel" {
				cfg.MasterName = "gochat"
			}
			client, err := kv.Open(t.Context(), cfg)
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, client.Close()) })
			c := rediscache.New(client.UniversalClient)
			t.Cleanup(c.Close)
			test(t, client.UniversalClient, c, fmt.Sprint("group_", rand.Int64N(1<<40), "00"))
		})
	}
}

func key(conv string, client any) store.ClientKey {
	return store.ClientKey{ConversationID: conv, SenderID: 7, ClientID: fmt.Sprint(client)}
}

func keysOf(ns string, convs int, clients ...any) (out []store.ClientKey) {
	for _, client := range clients {
		for c := range convs {
			out = append(out, key(fmt.Sprint(ns, c+1), client))
		}
	}
	return out
}

func stored(conv string, from, to uint64) (out []store.Message) {
	for seq := from; seq <= to; seq++ {
		out = append(out, store.Message{
			ID: int64(1000 + seq), ConversationID: conv, Seq: seq, SenderID: 7, ClientID: fmt.Sprint(seq), Content: "text", Type: "text", Timestamp: 5,
		})
	}
	return out
}

func TestNumbersAreGivenOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, rdb redis.UniversalClient, c *rediscache.Cache, ns string) {
		const convs = 20
		first := keysOf(ns, convs, "a", "b")
		got, err := c.Allocate(t.Context(), first)
		require.NoError(t, err)
		assert.Equal(t, make([]uint64, 2*convs), got, "no counter, no number")

		last := map[string]uint64{}
		for i := range convs {
			last[fmt.Sprint(ns, i+1)] = uint64(10 * i)
		}
		require.NoError(t, c.Seed(t.Context(), last))
		require.NoError(t, c.Seed(t.Context(), map[string]uint64{ns + "1": 999}))
		for range 2 { // the same keys, the same numbers
			got, err = c.Allocate(t.Context(), first)
			require.NoError(t, err)
			for i := range convs {
				assert.EqualValues(t, 10*i+1, got[i])
				assert.EqualValues(t, 10*i+2, got[convs+i])
			}
		}
		for _, k := range rdb.Keys(t.Context(), "msg_dedup:{"+ns+"*").Val() {
			ttl := rdb.TTL(t.Context(), k).Val()
			assert.True(t, ttl > 23*time.Hour && ttl <= 24*time.Hour, ttl)
		}
		seen, err := c.Stored(t.Context(), first)
		require.NoError(t, err)
		for _, m := range seen {
			assert.Zero(t, m.ID, "a number that was given is nothing that was stored")
		}
	})
}

// TestCounterFollowsTheDatabase: never below it, and what was proposed and not
// used is given back when nothing was proposed since.
func TestCounterFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ redis.UniversalClient, c *rediscache.Cache, ns string) {
		for i, step := range []struct {
			name                     string
			counter, last, top, want uint64
		}{
			{"in step", 5, 5, 5, 6},
			{"behind", 3, 5, 3, 6},
			{"far behind", 0, 5, 0, 6},
			{"a refused one is given back", 6, 5, 6, 6},
			{"others were proposed since", 8, 5, 6, 9},
			{"ahead for a reason not known here", 8, 5, 0, 9},
		} {
			t.Run(step.name, func(t *testing.T) {
				conv := fmt.Sprint(ns, i+1)
				require.NoError(t, c.Seed(t.Context(), map[string]uint64{conv: step.counter}))
				require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: conv, LastSeq: step.last, TopProposed: step.top}}))
				got, err := c.Allocate(t.Context(), []store.ClientKey{key(conv, "next")})
				require.NoError(t, err)
				assert.Equal(t, []uint64{step.want}, got)
			})
		}
		require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: ns + "99", LastSeq: 5}}))
		got, err := c.Allocate(t.Context(), []store.ClientKey{key(ns+"99", "next")})
		require.NoError(t, err)
		assert.Equal(t, []uint64{0}, got, "a counter that is missing is loaded, not guessed")
	})
}

func TestCacheFollowsManyConversationsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, rdb redis.UniversalClient, c *rediscache.Cache, ns string) {
		const convs = 30
		done := make([]store.Committed, convs)
		for i := range done {
			conv := fmt.Sprint(ns, i+1)
			done[i] = store.Committed{
				ConversationID: conv, LastSeq: 12, Stored: stored(conv, 3, 12), Known: stored(conv, 1, 1), Refused: []store.ClientKey{key(conv, "refused")},
			}
			require.NoError(t, c.Seed(t.Context(), map[string]uint64{conv: 12}))
		}
		_, err := c.Allocate(t.Context(), keysOf(ns, convs, "refused"))
		require.NoError(t, err)
		require.NoError(t, c.Follow(t.Context(), done))
		for _, d := range done {
			seen, err := c.Stored(t.Context(), []store.ClientKey{key(d.ConversationID, 3), key(d.ConversationID, 1), key(d.ConversationID, "refused"), key(d.ConversationID, 99)})
			require.NoError(t, err)
			assert.EqualValues(t, []int64{1003, 1001, 0, 0}, []int64{seen[0].ID, seen[1].ID, seen[2].ID, seen[3].ID})
			assert.EqualValues(t, 3, seen[0].Seq)
			assert.EqualValues(t, 5, seen[0].Timestamp)
			hot, all := c.Hot(t.Context(), store.Span{ConversationID: d.ConversationID, From: 2, To: 12})
			assert.True(t, all)
			assert.Equal(t, d.Stored, hot)
			_, all = c.Hot(t.Context(), store.Span{ConversationID: d.ConversationID, From: 0, To: 12})
			assert.False(t, all, "the first two are not there")
		}
		ttl := rdb.TTL(t.Context(), "msg_dedup:{"+ns+"1}:7:3").Val()
		assert.True(t, ttl > 50*time.Second && ttl <= time.Minute, ttl)
		assert.Zero(t, rdb.Exists(t.Context(), "msg_dedup:{"+ns+"1}:7:refused").Val())
	})
}

// TestHotMessagesAreTheNewest 300, however they came in.
func TestHotMessagesAreTheNewest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ redis.UniversalClient, c *rediscache.Cache, ns string) {
		all := stored(ns+"0", 1, 1000)
		has := func(from, to uint64) bool {
			got, whole := c.Hot(t.Context(), store.Span{ConversationID: ns + "0", From: from, To: to})
			if whole {
				assert.Equal(t, all[from:to], got)
			}
			return whole
		}
		require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: ns + "0", LastSeq: 500, Stored: all[:500]}}))
		assert.True(t, has(200, 500))
		assert.False(t, has(199, 499))
		require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: ns + "0", LastSeq: 560, Stored: all[550:560]}}))
		assert.False(t, has(540, 560), "a gap: the cache missed a commit")
		assert.True(t, has(550, 560))
		require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: ns + "0"}, all[400:560]))
		assert.True(t, has(400, 560), "repaired")
		require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: ns + "0"}, nil))
	})
}

// TestHotMessagesAreAsNewAsTheirMark: what the cache holds of a conversation is believed
// only where it knows the newest change of an earlier message.
func TestHotMessagesAreAsNewAsTheirMark(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ redis.UniversalClient, c *rediscache.Cache, ns string) {
		conv := ns + "0"
		all := stored(conv, 1, 4)
		changed := func(seq uint64, text string) store.Message {
			m := all[seq-1]
			m.Content, m.Extra = text, &store.Extra{EditedAt: 5}
			return m
		}
		commit := func(n int, before, now uint64, updated ...store.Message) {
			require.NoError(t, c.Follow(t.Context(), []store.Committed{{
				ConversationID: conv, LastSeq: uint64(n), Stored: all[n-1 : n], Changed: now, ChangedBefore: before, Updated: updated,
			}}))
		}
		text := func(known uint64) string {
			got, whole := c.Hot(t.Context(), store.Span{ConversationID: conv, From: 0, To: 1, Changed: known})
			if !whole {
				return ""
			}
			return got[0].Content
		}
		for n := range 2 {
			commit(n+1, 0, 0)
		}
		assert.Equal(t, all[0].Content, text(0))
		assert.Empty(t, text(3), "the database knows a change that the cache does not")
		commit(3, 0, 3, changed(1, "new"))
		assert.Equal(t, "new", text(3))
		require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: conv}, all[:2]), "a reader who is late")
		assert.Equal(t, "new", text(3), "what is newer stays")
		// The cache misses the change that is number 4, and hears of the next.
		require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: conv, Changed: 4}, append([]store.Message{changed(1, "newest")}, all[1:]...)))
		assert.Equal(t, "newest", text(4), "repaired by a reader")
		commit(4, 7, 8, changed(2, "x"))
		assert.Empty(t, text(8), "what may be old is gone")
	})
}

func TestUsersAndTokens(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ redis.UniversalClient, c *rediscache.Cache, ns string) {
		one := rand.Int64N(1 << 40)
		two, three := one+1, one+2
		old, fresh := store.User{ID: one, Nickname: "old", Version: 1}, store.User{ID: one, Nickname: "fresh", Version: 2}
		require.NoError(t, c.PutUsers(t.Context(), fresh, store.User{ID: two, Version: 1}))
		require.NoError(t, c.PutUsers(t.Context(), old), "a late reader")
		assert.Equal(t, map[int64]store.User{one: fresh, two: {ID: two, Version: 1}}, c.Users(t.Context(), []int64{one, two, three}))

		bare := store.UsedToken{ID: ns, DeviceKey: store.DeviceKey{UserID: one}}
		used := store.UsedToken{ID: ns, DeviceKey: store.DeviceKey{UserID: one, ID: "phone"}}
		known := func(of store.UsedToken) string {
			state, known := c.TokenChecked(t.Context(), of)
			if !known {
				return ""
			}
			return fmt.Sprint(state.Revoked, state.SignedOutBefore, state.DeviceRevokedAt, state.Used)
		}
		assert.Empty(t, known(bare))
		require.NoError(t, c.PutTokenChecked(t.Context(), bare, store.TokenState{SignedOutBefore: 5}))
		assert.Equal(t, "false 5 0 false", known(bare))
		assert.Empty(t, known(used), "of the device nothing is known")
		require.NoError(t, c.PutTokenChecked(t.Context(), used, store.TokenState{DeviceRevokedAt: 7}))
		assert.Equal(t, "false 5 7 false", known(used), "a late reader")
		require.NoError(t, c.PutTokenChecked(t.Context(), used, store.TokenState{Used: true}))
		assert.Equal(t, "false 5 7 true", known(used))
		other := used
		other.ID, other.DeviceKey.ID = ns+":"+"pho", "ne"
		assert.Empty(t, known(other))
		for _, at := range []int64{1_800_000_000_123, 9} {
			require.NoError(t, c.PutSignedOut(t.Context(), one, at))
			require.NoError(t, c.PutDeviceRevoked(t.Context(), used.DeviceKey, at+1))
			assert.Equal(t, "false 1800000000123 1800000000124 true", known(used), "never back")
		}
		require.NoError(t, c.PutTokensRevoked(t.Context()))
		require.NoError(t, c.PutTokensRevoked(t.Context(), store.Token{ID: ns, ExpiresAt: time.Now().Add(time.Hour).UnixMilli()}, store.Token{ID: ns + "2"}))
		require.NoError(t, c.PutTokenChecked(t.Context(), bare, store.TokenState{}), "a late reader")
		assert.Equal(t, "true 0 0 false", known(bare))
		assert.Equal(t, "true 0 0 false", known(used))
		assert.Equal(t, "true 0 0 false", known(store.UsedToken{ID: ns + "2"}))
	})
}

// TestRedisThatHangsIsLeftAlone: it costs one call's timeout, not one each.
func TestRedisThatHangsIsLeftAlone(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	c := rediscache.New(rdb)
	t.Cleanup(c.Close)
	require.NoError(t, c.Seed(t.Context(), map[string]uint64{"group_1": 0}))
	plug.hangs.Store(true)
	before := plug.asked.Load()
	_, err := c.Allocate(t.Context(), keysOf("group_", 1, "a"))
	require.Error(t, err)
	for range 100 {
		_, err := c.Allocate(t.Context(), keysOf("group_", 1, "a"))
		require.ErrorIs(t, err, rediscache.ErrAway)
		_, err = c.Stored(t.Context(), keysOf("group_", 1, "a"))
		require.ErrorIs(t, err, rediscache.ErrAway)
		_, hot := c.Hot(t.Context(), store.Span{ConversationID: "group_1", From: 0, To: 1})
		require.False(t, hot)
		require.Empty(t, c.Users(t.Context(), []int64{1}))
	}
	assert.EqualValues(t, 1, plug.asked.Load()-before)

	// Later on a probe is the only one that waits for it.
	pings := plug.pings.Load()
	require.Eventually(t, func() bool {
		_, err := c.Allocate(t.Context(), keysOf("group_", 1, "a"))
		require.ErrorIs(t, err, rediscache.ErrAway)
		return plug.pings.Load() > pings+1
	}, 10*time.Second, 5*time.Millisecond)
	assert.EqualValues(t, 1, plug.asked.Load()-before)
	plug.hangs.Store(false)
	require.Eventually(t, func() bool {
		got, err := c.Allocate(t.Context(), keysOf("group_", 1, "a"))
		return err == nil && got[0] == 1
	}, time.Minute, 5*time.Millisecond, "it is asked again")

	// An answer is an answer, even when it is an error.
	require.NoError(t, rdb.Set(t.Context(), "hot_messages:{group_1}", "no set", 0).Err())
	require.Error(t, c.Warm(t.Context(), store.Span{ConversationID: "group_1"}, stored("group_1", 1, 1)))
	_, err = c.Allocate(t.Context(), keysOf("group_", 1, "a"))
	require.NoError(t, err)
}
