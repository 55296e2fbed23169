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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
	"github.com/gochat/gochat/tests/cluster"
)

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
