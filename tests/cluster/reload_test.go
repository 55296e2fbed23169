package cluster_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
	"github.com/gochat/gochat/tests/cluster"
)

// soon is the promised time until a change at etcd is in force in every process.
const soon = 5 * time.Second

// TestSettingsEverywhere: changes of a log level, a limit and the sampling share at etcd are in force in every
// process within five seconds. A setting that needs a restart, is out of its range or does not exist is logged
// and counted by each process, and changes nothing else.
func TestSettingsEverywhere(t *testing.T) {
	c, spans := startTuned(t)
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{c.Servers.Registry()}, DialTimeout: 10 * time.Second})
	require.NoError(t, err)
	defer func() { _ = etcd.Close() }()
	put := func(pairs ...string) {
		t.Helper()
		var ops []clientv3.Op
		for i := 0; i < len(pairs); i += 2 {
			ops = append(ops, clientv3.OpPut("/gochat/config/"+pairs[i], pairs[i+1]))
		}
		_, err := etcd.Txn(t.Context()).Then(ops...).Commit()
		require.NoError(t, err)
	}
	people := make([]*client.Account, len(c.Gateways()))
	for i, url := range c.Gateways() {
		server := client.New(url)
		t.Cleanup(server.Close)
		people[i], err = server.Register(t.Context(), fmt.Sprint("ada", i), "a long password")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, send(t, people[i], 101))
	}
	before := spans.got.Load()

	put("limits.content_max", "100", "log.level", "debug", "trace.sampling", "1")
	everywhere(t, c, "taken", 1)
	for _, one := range people {
		assert.Equal(t, http.StatusBadRequest, send(t, one, 101))
		assert.Equal(t, http.StatusOK, send(t, one, 100))
	}
	for _, p := range c.Processes {
		assert.Contains(t, p.Tail(1<<20), `"to":"debug"`, p.Name)
		assert.Contains(t, p.Tail(1<<20), `"changed":["limits.content_max","log.level","trace.sampling"]`, p.Name)
	}
	require.Eventually(t, func() bool { // all calls are traced, and not one in a hundred any more
		send(t, people[0], 100)
		return spans.got.Load() > before+50
	}, complete, 50*time.Millisecond, "not every trace is kept")

	put("gateway.ping_interval", "20s")
	everywhere(t, c, "restart", 1)
	for i, wrong := range [][2]string{{"limits.content_mx", "1"}, {"limits.content_max", "0"}, {"log.level", "loud"}} {
		put(wrong[0], wrong[1])
		everywhere(t, c, "refused", i+1)
		for _, one := range people {
			assert.Equal(t, http.StatusBadRequest, send(t, one, 101))
			assert.Equal(t, http.StatusOK, send(t, one, 100))
		}
		for _, p := range c.Processes {
			assert.Contains(t, p.Tail(1<<20), "a changed configuration was refused", p.Name)
			assert.Contains(t, p.Tail(1<<20), wrong[0], p.Name)
		}
		if i == 0 {
			_, err := etcd.Delete(t.Context(), "/gochat/config/"+wrong[0])
			require.NoError(t, err)
		}
	}
	for _, p := range c.Processes {
		assert.Contains(t, p.Tail(1<<20), `need a restart`, p.Name)
		assert.Contains(t, p.Tail(1<<20), `"settings":["gateway.ping_interval"]`, p.Name)
	}
}

// startTuned starts several processes of each role that handles messages, with one receiver for their
// traces.
func startTuned(t *testing.T) (*cluster.Cluster, *spanCounter) {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_CLUSTER") == "" {
		t.Skip("GOCHAT_TEST_CLUSTER is not set: servers and processes are not started")
	}
	const basePort = 22800
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("gochat-cluster-%d", basePort))
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	bin, err := chaos.Build(t.Context(), dir)
	require.NoError(t, err)
	spans := receiveSpans(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: bin, Dir: dir, BasePort: basePort, Queue: "redisstream",
		Roles: map[string]int{"repo": 1, "logic": 1, "message": 2, "gateway": 2},
		Env: []string{
			"GOCHAT_LOG_FORMAT=json", "GOCHAT_TRACE_ENDPOINT=" + spans.address, "GOCHAT_TRACE_INSECURE=true",
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { stopColour(t, c, dir) })
	return c, spans
}

// everywhere waits, for at most soon, until all processes have counted n reloads with an outcome.
func everywhere(t *testing.T, c *cluster.Cluster, outcome string, n int) {
	t.Helper()
	want := fmt.Sprintf("gochat_config_reloads_total{outcome=%q,source=\"etcd\"} %d\n", outcome, n)
	late := time.Now().Add(soon)
	for _, p := range c.Processes {
		require.Eventually(t, func() bool { return strings.Contains(metricsOf(t, p), want) },
			max(time.Until(late), time.Millisecond), 20*time.Millisecond, "%s: %s", p.Name, want)
	}
}

func metricsOf(t *testing.T, p *cluster.Process) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Operations()+"/metrics", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(text)
}

// sends counts sends, for unique tempMessageIds.
var sends atomic.Int64

// send sends a message whose content has some bytes, and returns the HTTP status.
func send(t *testing.T, from *client.Account, bytes int) int {
	t.Helper()
	err := from.Call(t.Context(), http.MethodPost, "/api/messages", map[string]string{
		"conversationId": "world", "content": strings.Repeat("x", bytes), "messageType": "text", "tempMessageId": fmt.Sprint("m", sends.Add(1)),
	}, nil)
	if err == nil {
		return http.StatusOK
	}
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	return refused.Status
}

// spanCounter is a receiver of traces that counts spans.
type spanCounter struct {
	collector.UnimplementedTraceServiceServer
	address string
	got     atomic.Int64
}

// Export counts the spans of a request.
func (s *spanCounter) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	for _, r := range in.GetResourceSpans() {
		for _, scope := range r.GetScopeSpans() {
			s.got.Add(int64(len(scope.GetSpans())))
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func receiveSpans(t *testing.T) *spanCounter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	require.NoError(t, err)
	s, server := &spanCounter{address: ln.Addr().String()}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, s)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() { server.Stop(); assert.NoError(t, <-done) })
	return s
}
