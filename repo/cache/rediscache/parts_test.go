package rediscache_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

// county is a gateway with users all over a real cluster, seen by another process.
type county struct {
	rdb     *redis.ClusterClient
	gateway string
	users   []int64
	// own is the registry that the gateway speaks to, other that of another process.
	own, other *rediscache.Sessions
}

func newCounty(t *testing.T) *county {
	t.Helper()
	addrs := os.Getenv("GOCHAT_TEST_REDIS_CLUSTER_ADDRS")
	if addrs == "" {
		t.Skip("set GOCHAT_TEST_REDIS_CLUSTER_ADDRS to lose parts of a real cluster")
	}
	cfg := kv.DefaultConfig()
	cfg.Addrs = strings.Split(addrs, ",")
	client, err := kv.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	rdb, ok := client.UniversalClient.(*redis.ClusterClient)
	require.True(t, ok)
	now := time.Now().UnixNano() / 1000
	c := &county{
		rdb: rdb, gateway: fmt.Sprint("county-", now),
		own: rediscache.NewSessions(rdb, time.Now), other: rediscache.NewSessions(rdb, time.Now),
	}
	t.Cleanup(c.own.Close)
	t.Cleanup(c.other.Close)
	for i := range int64(300) { // more than a crowd
		c.users = append(c.users, now+i)
	}
	require.True(t, c.beat(t))
	c.put(t, c.users...)
	require.False(t, c.beat(t))
	c.whole(t)
	return c
}

func (c *county) beat(t *testing.T) (fresh bool) {
	t.Helper()
	return beat(t, c.own, c.gateway, true)
}

func (c *county) put(t *testing.T, users ...int64) {
	t.Helper()
	list := make([]cache.Session, len(users))
	for i, u := range users {
		list[i] = cache.Session{UserID: u, ConnectionID: "c", GatewayID: c.gateway, LoginAt: 1}
	}
	require.NoError(t, c.own.Put(t.Context(), list))
}

// missed returns the users whom no message would reach.
func (c *county) missed(ctx context.Context) (out []int64) {
	found := c.other.Locate(ctx, c.users)
	if slices.Contains(found.Stale, c.gateway) {
		return nil
	}
	there := map[int64]bool{}
	for _, u := range found.Gateways[c.gateway] {
		there[u] = true
	}
	for _, d := range found.PartlyStale {
		if slices.Contains(d.Gateways, c.gateway) {
			for _, u := range d.Users {
				there[u] = true
			}
		}
	}
	for _, u := range c.users {
		if !there[u] {
			out = append(out, u)
		}
	}
	return out
}

// whole waits until every user is known for sure.
func (c *county) whole(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		found := c.other.Locate(t.Context(), c.users)
		for _, d := range found.PartlyStale {
			if slices.Contains(d.Gateways, c.gateway) {
				return false
			}
		}
		return len(found.Gateways[c.gateway]) == len(c.users)
	}, 15*time.Second, 20*time.Millisecond, "the other process knows all users")
}

// masters are the servers that hold the slots, each with its replica.
func (c *county) masters(t *testing.T) (out [][]string) {
	t.Helper()
	ranges, err := c.rdb.ClusterSlots(t.Context()).Result() //nolint:staticcheck // what replaces it needs Redis 7
	require.NoError(t, err)
	for _, r := range ranges {
		var addrs []string
		for _, n := range r.Nodes {
			addrs = append(addrs, n.Addr)
		}
		if !slices.ContainsFunc(out, func(o []string) bool { return o[0] == addrs[0] }) {
			out = append(out, addrs)
		}
	}
	return out
}

// empty takes the registry's keys from one server.
func empty(t *testing.T, addr string) {
	t.Helper()
	one := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	defer func() { assert.NoError(t, one.Close()) }()
	for _, prefix := range rediscache.SessionKeys {
		keys, err := one.Keys(t.Context(), prefix+"*").Result()
		require.NoError(t, err)
		for _, k := range keys {
			require.NoError(t, one.Del(t.Context(), k).Err())
		}
	}
}

// TestPartOfAClusterIsLost: whichever master loses what it held, everything for its users
// comes to the gateway until that has put them again, which it is told at its next beat.
func TestPartOfAClusterIsLost(t *testing.T) {
	c := newCounty(t)
	for _, servers := range c.masters(t) {
		empty(t, servers[0])
		assert.Zero(t, len(c.missed(t.Context())), "users of %s to whom nothing comes", servers[0])
		present, partial, err := c.other.Present(t.Context(), c.users)
		require.NoError(t, err)
		assert.True(t, partial || len(present) == len(c.users), "nobody is taken for offline")

		assert.True(t, c.beat(t), "the gateway is to say everything again")
		assert.Zero(t, len(c.missed(t.Context())))
		c.put(t, c.users...)
		assert.False(t, c.beat(t))
		c.whole(t)
		present, _, err = c.other.Present(t.Context(), c.users)
		require.NoError(t, err)
		assert.Len(t, present, len(c.users))
	}
}

// TestFailOverWithoutTheNewest: a replica takes over that never heard of the newest session,
// while everything else is there.
func TestFailOverWithoutTheNewest(t *testing.T) {
	c := newCounty(t)
	servers := c.masters(t)[0]
	require.Greater(t, len(servers), 1, "a replica")
	newest := c.users[slices.IndexFunc(c.users, func(u int64) bool {
		one, err := c.rdb.MasterForKey(t.Context(), fmt.Sprintf("user_session:{%d}", u))
		require.NoError(t, err)
		return one.Options().Addr == servers[0]
	})]
	replica := redis.NewClient(&redis.Options{Addr: servers[1], Protocol: 2, DisableIdentity: true})
	defer func() { assert.NoError(t, replica.Close()) }()
	require.NoError(t, replica.Do(t.Context(), "CLUSTER", "FAILOVER", "TAKEOVER").Err())
	require.Eventually(t, func() bool {
		return replica.Del(t.Context(), fmt.Sprintf("user_session:{%d}", newest)).Err() == nil
	}, 10*time.Second, 10*time.Millisecond, "it has taken over")
	// The list of gateways is believed for a second.
	require.Eventually(t, func() bool { return len(c.missed(t.Context())) == 0 }, 5*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		fresh, err := tryBeat(t, c.own, c.gateway, true)
		return err == nil && fresh
	}, 10*time.Second, 10*time.Millisecond, "the gateway is to say everything again")
	require.Eventually(t, func() bool {
		list := []cache.Session{{UserID: newest, ConnectionID: "c", GatewayID: c.gateway, LoginAt: 1}}
		return c.own.Put(t.Context(), list) == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.False(t, c.beat(t))
	c.whole(t)
}
