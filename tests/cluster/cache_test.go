package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
	"github.com/gochat/gochat/tests/cluster"
)

// patience bounds the wait for a push. It is shorter than the 60 s after which a client pulls by itself.
const patience = 20 * time.Second

// audience has listeners on all gateways, and a speaker who sends to them.
type audience struct {
	w       *town
	speaker *client.Account
	ears    []*chaos.Listener
	said    int
}

func (w *town) newAudience(t *testing.T, n int) *audience {
	t.Helper()
	name := fmt.Sprintf("a%d", time.Now().UnixMilli())
	var err error
	a := &audience{w: w}
	a.speaker, err = w.servers[0].Register(t.Context(), name, "a password")
	require.NoError(t, err)
	for i := range n {
		a.join(t, fmt.Sprintf("%s.%d", name, i))
	}
	return a
}

// join adds a listener on the next gateway.
func (a *audience) join(t *testing.T, name string) {
	t.Helper()
	account, err := a.w.servers[len(a.ears)%len(a.w.servers)].Register(t.Context(), name, "a password")
	require.NoError(t, err)
	ear, err := chaos.Listen(t.Context(), account)
	require.NoError(t, err)
	t.Cleanup(ear.Close)
	a.ears = append(a.ears, ear)
}

// hears sends a message to each listener and waits until it is pushed. It returns the median time until
// a message was stored.
func (a *audience) hears(t *testing.T, when string) time.Duration {
	t.Helper()
	a.said++
	var took []time.Duration
	id := func(i int) string { return fmt.Sprintf("%s-%d-%d", a.speaker.Name, a.said, i) }
	for i, ear := range a.ears {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		d, err := chaos.Tell(ctx, a.speaker, ear, id(i))
		cancel()
		require.NoError(t, err, when)
		took = append(took, d)
	}
	deaf := 0
	for i, ear := range a.ears {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := ear.Hear(ctx, id(i)); err != nil {
			deaf++
			t.Log(err)
		}
		cancel()
	}
	require.Zero(t, deaf, "of %d listeners were not pushed to: %s", len(a.ears), when)
	slices.Sort(took)
	if slowest := took[len(took)-1]; slowest > 3*time.Second {
		t.Logf("%s: the slowest of %d messages was stored in %s", when, len(took), slowest)
	}
	return took[len(took)/2]
}

// without kills the cache for a while. Meanwhile messages are pushed, also to new sockets, and are
// stored about as fast as before, since no call waits for the cache; /readyz says degraded.
func without(away time.Duration) func(*testing.T, *town) {
	return func(t *testing.T, w *town) {
		t.Helper()
		a := w.newAudience(t, 8)
		a.hears(t, "before")
		before := a.hears(t, "before")
		w.do(t, "kill", "redis")
		over := time.Now().Add(away)
		a.hears(t, "when the cache has just gone")
		for _, url := range w.Gateways() {
			require.Eventually(t, func() bool { return readiness(t, url) == "200 degraded" }, patience, 100*time.Millisecond, url)
		}
		a.join(t, a.speaker.Name+".late")
		var during []time.Duration
		for time.Now().Before(over) {
			during = append(during, a.hears(t, fmt.Sprintf("%s before it is back", time.Until(over).Round(time.Second))))
			time.Sleep(time.Second) // time without the cache
		}
		slices.Sort(during)
		median := during[len(during)/2]
		t.Logf("a message was stored in %s before, in %s while the cache was away", before, median)
		// A retried call takes a second or more; the delay of a busy machine is less.
		assert.Less(t, median, 2*before+800*time.Millisecond)
		w.do(t, "start", "redis")
		a.hears(t, "when it is back")
	}
}

// readiness returns the status code and the state of a gateway's /readyz, or the error.
func readiness(t *testing.T, url string) string {
	t.Helper()
	web := &http.Client{Timeout: 5 * time.Second}
	defer web.CloseIdleConnections()
	resp, err := web.Get(url + "/readyz") //nolint:noctx // the client has a time-out
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var state struct{ Status string }
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		return err.Error()
	}
	return fmt.Sprint(resp.StatusCode, " ", state.Status)
}

// node is a master of the Redis cluster and its replica, by their names in deploy/local.
type node struct{ master, replica string }

// nodes asks the Redis cluster which servers are masters and which their replicas.
func (w *town) nodes(t *testing.T) (out []node) {
	t.Helper()
	addrs := w.Servers.CacheNodes()
	name := func(addr string) string {
		for n, a := range addrs {
			if a == addr {
				return n
			}
		}
		t.Fatalf("nobody is at %s", addr)
		return ""
	}
	require.Eventually(t, func() bool {
		out = nil
		for _, addr := range addrs {
			one := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
			ranges, err := one.ClusterSlots(t.Context()).Result() //nolint:staticcheck // what replaces it needs Redis 7
			_ = one.Close()
			if err != nil {
				continue
			}
			for _, r := range ranges {
				if len(r.Nodes) == 2 {
					out = append(out, node{name(r.Nodes[0].Addr), name(r.Nodes[1].Addr)})
				}
			}
			return len(out) == 3
		}
		return false
	}, 30*time.Second, 100*time.Millisecond, "three masters with a replica each")
	return out
}

// emptied removes all keys of each master and its replica, one master at a time.
func emptied(t *testing.T, w *town) {
	t.Helper()
	a := w.newAudience(t, 24)
	a.hears(t, "before")
	for _, n := range w.nodes(t) {
		one := redis.NewClient(&redis.Options{Addr: w.Servers.CacheNodes()[n.master], Protocol: 2, DisableIdentity: true})
		require.NoError(t, one.FlushAll(t.Context()).Err())
		require.NoError(t, one.Close())
		a.hears(t, n.master+" has been emptied")
	}
}

// takenOver kills a master after its replica has missed the newest sessions, so that the replica takes over without
// them.
func takenOver(t *testing.T, w *town) {
	t.Helper()
	a := w.newAudience(t, 8)
	a.hears(t, "before")
	n := w.nodes(t)[0]
	w.do(t, "pause", n.replica)
	for i := range 16 {
		a.join(t, fmt.Sprintf("%s.new%d", a.speaker.Name, i))
	}
	w.do(t, "kill", n.master)
	w.do(t, "resume", n.replica)
	one := redis.NewClient(&redis.Options{Addr: w.Servers.CacheNodes()[n.replica], Protocol: 2, DisableIdentity: true})
	defer func() { require.NoError(t, one.Close()) }()
	require.Eventually(t, func() bool {
		info, err := one.ClusterInfo(t.Context()).Result()
		role, err2 := one.Do(t.Context(), "ROLE").Slice()
		return err == nil && err2 == nil && strings.Contains(info, "cluster_state:ok") && role[0] == "master"
	}, 30*time.Second, 50*time.Millisecond, "the replica takes over")
	a.hears(t, "a replica has taken over")
	w.do(t, "start", n.master)
	time.Sleep(time.Second) // the old master comes back as a replica
	a.hears(t, "after that")
}

// TestPartialLoss: a Redis cluster as cache loses the data of one of its masters.
func TestPartialLoss(t *testing.T) {
	w := newTown(t, cluster.Options{BasePort: 22300, Queue: "redisstream", CacheCluster: true})
	w.suffer(t, fault{name: "each master of the cache is emptied", do: emptied})
	w.suffer(t, fault{name: "a replica takes over without the newest", do: takenOver})
	out, err := w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
}
