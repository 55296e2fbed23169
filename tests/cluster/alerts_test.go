package cluster_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// TestAlertsFire causes the faults that alerts are for, and checks in a real Prometheus that the alerts fire.
// Prometheus has the project's rules with "for" and "interval" set to 3 s. Alerts that look back over more
// minutes than the test takes, or need other faults, are tested by promtool alone:
// LagGrowing, LagStuck, SlowSockets, StoredLate, WebhookBehind, OpenFiles, VersionsMixed, NoWorkerID,
// DatabasePoolExhausted, ReplicaAway, CacheCold, CacheEvicts, RetentionFailing, DiskFilling, DiskFull, TracesLost (which is of
// a collector) and the slower burns of Unavailable; and Retrying: without a database sends are refused before a worker has anything to
// try again. Faults that kill something take minutes, and are run at night only.
func TestAlertsFire(t *testing.T) {
	w := startWatched(t)
	for _, f := range []struct {
		name   string
		do     func(*watched, *testing.T) // nil: the fault is there from the start
		alerts []string
		heal   func(*watched, *testing.T)
	}{
		{"a certificate that ends in five days", nil, []string{"GoChatCertificateEnding"}, nil},
		{"a receiver of webhooks that does not answer", nil, []string{"GoChatWebhookDown"}, nil},
		{"a wrong setting at etcd", (*watched).refuse, []string{"GoChatSettingRefused"}, nil},
		{"a record that nobody can read", (*watched).poison, []string{"GoChatPoisoned"}, nil},
		{"a process that starts again and again", (*watched).restart, []string{"GoChatRestarting"}, nil},
		{"a process that dies", (*watched).killFeed, []string{"GoChatProcessDown", "GoChatRoleDown"}, (*watched).startFeed},
		{"a gateway that dies", (*watched).killGateway, []string{"GoChatSocketsLost"}, (*watched).startGateway},
		{"no cache", kill("redis"), []string{"GoChatDependencyDegraded"}, start("redis")},
		{"no database", kill("mariadb-primary"), []string{"GoChatDependencyDown", "GoChatUnavailable"}, start("mariadb-primary")},
		{"no queue", kill("stream"), []string{"GoChatPublishingFails"}, start("stream")},
		{"no etcd", kill("etcd"), []string{"GoChatNoLeader"}, start("etcd")},
	} {
		if f.heal != nil && !nightly() {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			if f.do != nil {
				for _, a := range f.alerts {
					require.NotContains(t, w.firing(t), a, "before the fault")
				}
				f.do(w, t)
			}
			if f.heal != nil {
				defer f.heal(w, t) // even when this fault's test fails: the next one needs a whole cluster
			}
			for _, a := range f.alerts {
				require.Eventually(t, func() bool {
					w.say()
					return w.firing(t)[a]
				}, 2*time.Minute, 500*time.Millisecond, a)
			}
		})
	}
}

func (w *watched) refuse(t *testing.T) {
	t.Helper()
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{w.Servers.Registry()}, DialTimeout: 10 * time.Second})
	require.NoError(t, err)
	defer func() { _ = etcd.Close() }()
	_, err = etcd.Put(t.Context(), "/gochat/config/log.level", "loud")
	require.NoError(t, err)
	_, err = etcd.Delete(t.Context(), "/gochat/config/log.level")
	require.NoError(t, err)
}

func (w *watched) poison(t *testing.T) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: w.Servers.Queue()})
	defer func() { _ = rdb.Close() }()
	require.NoError(t, rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "gochat-mq:stream:im-upstream-topic:0", Values: []string{
		"_watermill_message_uuid", "poison", "metadata", "\x80", "payload", "no protobuf",
	}}).Err())
}

func (w *watched) restart(t *testing.T) {
	t.Helper()
	for range 3 {
		w.killFeed(t)
		w.startFeed(t)
		time.Sleep(7 * time.Second) // a little longer than the scrape interval
	}
}

func (w *watched) killFeed(t *testing.T) {
	t.Helper()
	require.NoError(t, w.Process("feed-1").Kill())
}

func (w *watched) startFeed(t *testing.T) {
	t.Helper()
	require.NoError(t, w.Process("feed-1").Start())
	w.recover(t)
}

// killGateway kills the gateway with the most sockets.
func (w *watched) killGateway(t *testing.T) {
	t.Helper()
	for range 120 {
		conn, err := w.people[1].Dial(t.Context(), websocket.DefaultDialer, "")
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}
	require.Eventually(t, func() bool {
		var out struct {
			Data struct {
				Result []json.RawMessage `json:"result"`
			} `json:"data"`
		}
		return w.ask(t, "/api/v1/query?query=gochat:sockets:sum%20%3E%20100", &out) && len(out.Data.Result) > 0
	}, complete, 100*time.Millisecond)
	require.NoError(t, w.Process("gateway-2").Kill())
}

func (w *watched) startGateway(t *testing.T) {
	t.Helper()
	require.NoError(t, w.Process("gateway-2").Start())
	w.recover(t)
}

// recover waits until all processes are ready and Prometheus can scrape them.
func (w *watched) recover(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, w.Ready(ctx))
	require.Eventually(t, func() bool { return w.upSince(t, len(w.Processes)) }, complete, 100*time.Millisecond)
}

func kill(server string) func(*watched, *testing.T) {
	return func(w *watched, t *testing.T) {
		t.Helper()
		_, err := w.Servers.Do(t.Context(), "kill", server)
		require.NoError(t, err)
	}
}

func start(server string) func(*watched, *testing.T) {
	return func(w *watched, t *testing.T) {
		t.Helper()
		_, err := w.Servers.Do(t.Context(), "start", server)
		require.NoError(t, err)
		w.recover(t)
		require.Eventually(t, func() bool { return !w.firing(t)["GoChatDependencyDown"] }, 2*time.Minute, 500*time.Millisecond)
	}
}
