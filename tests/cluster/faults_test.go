package cluster_test

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
	"github.com/gochat/gochat/tests/cluster"
)

// crash kills a role's process and starts it again.
func crash(name string) func(*testing.T, *town) {
	return func(t *testing.T, w *town) {
		t.Helper()
		require.NoError(t, w.Process(name).Kill())
		time.Sleep(2 * time.Second) // time without the process
		require.NoError(t, w.Process(name).Start())
	}
}

// cut kills a server and starts it again.
func cut(name string, away time.Duration) func(*testing.T, *town) {
	return func(t *testing.T, w *town) {
		t.Helper()
		w.do(t, "kill", name)
		time.Sleep(away)
		w.do(t, "start", name)
	}
}

// missed kills a server that is needed for everything, checks /readyz and the answer to
// a call, and starts the server again.
func missed(name func(*town) string, ask func(context.Context, *client.Account) error) func(*testing.T, *town) {
	return func(t *testing.T, w *town) {
		t.Helper()
		w.do(t, "kill", name(w))
		ready := &http.Client{Timeout: 5 * time.Second}
		assert.Eventually(t, func() bool {
			resp, err := ready.Get(w.Gateways()[0] + "/readyz")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusServiceUnavailable
		}, 15*time.Second, 100*time.Millisecond, "readiness")
		// The refused message may still be stored, at most once, so the judge has to know of it.
		asking := w.people[0]
		asking.Log.Add(chaos.Event{
			Kind: chaos.Invoked, Client: asking.Account.UserID, TempID: asked, Message: client.Message{Content: question},
		})
		var refused *client.Error
		if err := ask(t.Context(), asking.Account); assert.ErrorAs(t, err, &refused) {
			assert.Equal(t, http.StatusServiceUnavailable, refused.Status)
			assert.Equal(t, "unavailable", refused.Code)
		}
		w.do(t, "start", name(w))
	}
}

func list(ctx context.Context, a *client.Account) error {
	return a.Call(ctx, http.MethodGet, "/api/conversations?limit=100", nil, nil)
}

// asked is the tempMessageId of the message that missed tries to send, and question its content.
const asked, question = "asked", "is anybody there?"

func say(ctx context.Context, a *client.Account) error {
	return a.Call(ctx, http.MethodPost, "/api/messages", map[string]string{
		"conversationId": "world", "content": question, "messageType": "text", "tempMessageId": asked,
	}, nil)
}

// fault is a failure that is over when do returns.
type fault struct {
	name string
	do   func(*testing.T, *town)
	// quick faults are run in every CI run, the others at night.
	quick bool
}

var faults = []fault{
	{"kill a gateway", crash("gateway-1"), true},
	{"kill a logic", crash("logic-1"), false},
	{"kill a message worker", crash("message-1"), true},
	{"kill a fanout", crash("fanout-1"), false},
	{"kill a repo", crash("repo-1"), true},
	{"kill the janitor", crash("janitor-1"), false},
	{"kill the queue", missed((*town).queue, say), true},
	{"kill the database", missed(func(*town) string { return "mariadb-primary" }, list), true},
	{"kill the replica", cut("mariadb-replica", 3*time.Second), false},
	{"kill the cache", cut("redis", 3*time.Second), true},
	{"the cache is away for 30 s", without(30 * time.Second), true},
	{"the cache is away for 120 s", without(120 * time.Second), false},
	{"kill etcd", cut("etcd", 3*time.Second), true},
	{"etcd is away for a minute", cut("etcd", time.Minute), false},
	{"empty the cache again and again", func(t *testing.T, w *town) {
		t.Helper()
		for range 5 {
			w.flush(t)
			time.Sleep(500 * time.Millisecond) // some load between
		}
	}, true},
	{"a message worker stands still for 45 s", stall("message-2", 45*time.Second), false},
	{"a repo stands still for 10 s", stall("repo-2", 10*time.Second), false},
	{"a gateway stands still for 20 s", stall("gateway-2", 20*time.Second), false},
	{"the queue stands still for 5 s", func(t *testing.T, w *town) {
		t.Helper()
		w.do(t, "pause", w.queue())
		time.Sleep(5 * time.Second)
		w.do(t, "resume", w.queue())
	}, false},
	{"large messages queue up", backlog, true},
	{"message workers come and go", func(t *testing.T, w *town) {
		t.Helper()
		for range 2 {
			p, err := w.Add("message")
			require.NoError(t, err)
			require.NoError(t, p.Ready(t.Context()))
			time.Sleep(2 * time.Second) // load while it works
		}
		for _, name := range []string{"message-1", "message-4", "message-5"} {
			require.NoError(t, w.Process(name).Term(20*time.Second))
			time.Sleep(time.Second) // load on the others
		}
		require.NoError(t, w.Process("message-1").Start())
		w.Forget("message-4", "message-5")
	}, true},
}

// stall pauses a process for a time (SIGSTOP, SIGCONT).
func stall(name string, d time.Duration) func(*testing.T, *town) {
	return func(t *testing.T, w *town) {
		t.Helper()
		require.NoError(t, w.Process(name).Signal(syscall.SIGSTOP))
		time.Sleep(d)
		require.NoError(t, w.Process(name).Signal(syscall.SIGCONT))
	}
}

// chosen reports whether a fault is run. GOCHAT_TEST_FAULTS is "all" or a list of words
// of names, with commas; without it the quick faults are run, and all with CI_NIGHTLY.
func chosen(f fault) bool {
	words := os.Getenv("GOCHAT_TEST_FAULTS")
	if words == "" {
		return f.quick || nightly()
	}
	for word := range strings.SplitSeq(words, ",") {
		if word == "all" || strings.Contains(f.name, word) {
			return true
		}
	}
	return false
}

func (w *town) suffer(t *testing.T, f fault) {
	t.Helper()
	begin := time.Now()
	w.talk(t)
	time.Sleep(2 * time.Second) // the load before
	f.do(t, w)
	healed := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*complete) // a killed server needs time to start again
	defer cancel()
	require.NoError(t, w.Ready(ctx), "it does not heal by itself")
	ready := time.Since(healed)
	time.Sleep(2 * time.Second) // the load after
	took := w.settle(t)
	stored := w.judge(t)
	t.Logf("%s: %d messages so far, ready %.1f s after it was over, everyone complete %.1f s after the last send, %.0f s in all",
		f.name, stored, ready.Seconds(), took.Seconds(), time.Since(begin).Seconds())
}

// TestFaults breaks each part under load, one at a time. No stored or accepted message
// may be lost or stored twice, no number may be missing, the order must be the same for
// all, and every client must have every message soon after the fault.
func TestFaults(t *testing.T) {
	w := newTown(t, cluster.Options{BasePort: 22000, Nameless: []string{"message-2", "message-3", "fanout-1"}})
	w.run(t, slices.Concat(faults, kafkaFaults)...)
}

// TestFaultsOnRedisStreams is TestFaults with Redis streams as the queue.
func TestFaultsOnRedisStreams(t *testing.T) {
	w := newTown(t, cluster.Options{BasePort: 22100, Queue: "redisstream"})
	w.run(t, faults...)
}

func (w *town) run(t *testing.T, all ...fault) {
	t.Helper()
	for _, f := range all {
		if chosen(f) && !t.Failed() {
			t.Run(f.name, func(t *testing.T) { w.suffer(t, f) })
		}
	}
	out, err := w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
	// The last one, since other users of that suite send to world as well, and the judge does not know them.
	t.Run("contract", w.contract)
}

// TestPromotion kills a Redis master, so that its replica takes over.
func TestPromotion(t *testing.T) {
	w := newTown(t, cluster.Options{BasePort: 22200, Sentinel: true})
	w.suffer(t, fault{name: "a replica takes over", do: func(t *testing.T, w *town) {
		t.Helper()
		cut("sentinel-redis-1", 8*time.Second)(t, w)
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: w.Servers.Sentinel()})
		defer func() { _ = sentinel.Close() }()
		master, err := sentinel.GetMasterAddrByName(t.Context(), "gochat").Result()
		require.NoError(t, err)
		require.NotEqual(t, w.Servers.Cache(), strings.Join(master, ":"), "nobody took over")
	}})
	out, err := w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
}
