package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
	"github.com/gochat/gochat/tests/cluster"
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

// watched is a cluster with a Prometheus that scrapes it.
type watched struct {
	*cluster.Cluster
	prometheus string
	people     []*client.Account
	said       int
}

func startWatched(t *testing.T) *watched {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_CLUSTER") == "" {
		t.Skip("GOCHAT_TEST_CLUSTER is not set: servers and processes are not started")
	}
	binary := os.Getenv("GOCHAT_TEST_PROMETHEUS")
	if binary == "" {
		t.Skip("GOCHAT_TEST_PROMETHEUS names no program: Debian's package prometheus has it")
	}
	const basePort = 22900
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("gochat-cluster-%d", basePort))
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	bin, err := chaos.Build(t.Context(), dir)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), bin, "certs", "--dir", filepath.Join(dir, "certs"), "--days", "5").CombinedOutput() //nolint:gosec // ours
	require.NoError(t, err, string(out))
	nobody, err := chaos.FreeAddress()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: bin, Dir: dir, BasePort: basePort, Queue: "redisstream",
		Roles: map[string]int{"repo,logic": 1, "message,fanout": 1, "feed": 1, "janitor": 1, "gateway": 2},
		Env:   []string{"GOCHAT_LIMITS_SOCKETS_PER_USER=200", "GOCHAT_WEBHOOK_HOOKS=shop=http://" + nobody, "GOCHAT_WEBHOOK_SECRETS=shop=" + strings.Repeat("s", 32)},
	})
	require.NoError(t, err)
	t.Cleanup(func() { stopColour(t, c, dir) })
	w := &watched{Cluster: c}
	for i, url := range c.Gateways() {
		server := client.New(url)
		server.HTTP.Timeout = 3 * time.Second
		t.Cleanup(server.Close)
		one, err := server.Register(t.Context(), fmt.Sprint("ada", i), "a long password")
		require.NoError(t, err)
		w.people = append(w.people, one)
	}
	w.watch(t, binary, dir)
	return w
}

// lasting matches the "for" of an alert and the "interval" of a group of rules.
var lasting = regexp.MustCompile(`(?m)^( +(?:for|interval):) \S+$`)

// watch starts Prometheus on the project's own rules.
func (w *watched) watch(t *testing.T, binary, dir string) {
	t.Helper()
	files, err := filepath.Glob("../../deploy/monitoring/rules/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), lasting.ReplaceAll(text, []byte("$1 3s")), 0o600))
	}
	// A process may ask its dependencies for some seconds before it answers a scrape.
	conf := "global: {scrape_interval: 6s, scrape_timeout: 6s, evaluation_interval: 1s}\nrule_files: ['" + dir + "/*.yaml']\n" +
		"scrape_configs:\n- job_name: gochat\n  static_configs:\n"
	for _, p := range w.Processes {
		conf += fmt.Sprintf("  - {targets: ['%s'], labels: {role: '%s'}}\n", p.Operations(), p.Role)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(conf), 0o600))
	w.prometheus, err = chaos.FreeAddress()
	require.NoError(t, err)
	log, err := os.Create(filepath.Join(dir, "prometheus.log"))
	require.NoError(t, err)
	cmd := exec.Command(binary, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), //nolint:gosec,noctx // it is ended below
		"--web.listen-address="+w.prometheus)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, cmd.Wait())
		assert.NoError(t, log.Close())
	})
	require.Eventually(t, func() bool { return w.upSince(t, len(w.Processes)) }, complete, 100*time.Millisecond, "not all are seen")
}

// upSince reports whether Prometheus can scrape at least n processes.
func (w *watched) upSince(t *testing.T, n int) bool {
	t.Helper()
	var out struct {
		Data struct {
			Result []json.RawMessage `json:"result"`
		} `json:"data"`
	}
	return w.ask(t, "/api/v1/query?query=up%20%3D%3D%201", &out) && len(out.Data.Result) >= n
}

// firing returns the names of the firing alerts.
func (w *watched) firing(t *testing.T) map[string]bool {
	t.Helper()
	var out struct {
		Data struct {
			Alerts []struct {
				State  string            `json:"state"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		} `json:"data"`
	}
	names := map[string]bool{}
	if w.ask(t, "/api/v1/alerts", &out) {
		for _, a := range out.Data.Alerts {
			if a.State == "firing" {
				names[a.Labels["alertname"]] = true
			}
		}
	}
	return names
}

func (w *watched) ask(t *testing.T, path string, out any) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.prometheus+path, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(out) == nil
}

// say sends a message and makes a group, which is announced. It ignores the answers: both may fail during a
// fault.
func (w *watched) say() {
	w.said++
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = w.people[0].Call(ctx, http.MethodPost, "/api/messages", map[string]string{
		"conversationId": "world", "content": "x", "messageType": "text", "tempMessageId": fmt.Sprint("said", w.said),
	}, nil)
	_ = w.people[0].Call(ctx, http.MethodPost, "/api/groups", map[string]any{"name": "x", "memberIds": []string{w.people[1].UserID}}, nil)
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
