package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// instance is a process whose settings are changed while it runs.
type instance struct {
	*program
	token string
	spans *traceReceiver
}

// launchTuned starts n processes with the same arguments, each with its own receiver of traces.
func launchTuned(t *testing.T, n int, words ...string) []*instance {
	t.Helper()
	all := make([]*instance, n)
	for i := range all {
		in := &instance{}
		var traces string
		in.spans, traces = receive(t, "grpc")
		in.program = launch(t, append([]string{
			"--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0", "--trace-endpoint", traces,
			"--trace-errors=false", // else failures on a busy machine would be traced beside the sampled share
		}, words...)...)
		in.token = register(t, in.address(t))
		all[i] = in
	}
	return all
}

// status sends a message whose content has some bytes, and returns the HTTP status.
func (in *instance) status(t *testing.T, bytes int) int {
	t.Helper()
	body := fmt.Sprintf(`{"conversationId":"world","content":%q,"messageType":"text","tempMessageId":"t%d"}`, strings.Repeat("x", bytes), time.Now().UnixNano())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+in.address(t)+"/api/messages", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+in.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// metric waits until /metrics has the line want.
func (in *instance) metric(t *testing.T, want string) {
	t.Helper()
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + in.address(t) + "/metrics") //nolint:noctx // a test
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		return err == nil && strings.Contains(string(text), want+"\n")
	}, ending, 20*time.Millisecond, "%s; stderr: %s", want, in.stderr.String())
}

// takes waits until the process has applied a content limit of 100 bytes, the level debug and a sampling of 1.
func (in *instance) takes(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return in.status(t, 101) == http.StatusBadRequest }, ending, 20*time.Millisecond, "%s", in.stderr.String())
	assert.Equal(t, http.StatusOK, in.status(t, 100))
	in.waitFor(t, &in.stderr, `"to": "debug"`)
	require.Eventually(t, func() bool {
		in.status(t, 10)
		return len(in.spans.all()) > 0
	}, ending, 50*time.Millisecond, "no trace is kept")
}

// keeps asserts that the process still has the settings of its start.
func (in *instance) keeps(t *testing.T) {
	t.Helper()
	assert.Equal(t, http.StatusOK, in.status(t, 101))
	assert.NotContains(t, in.stderr.String(), `"to": "debug"`)
	assert.Empty(t, in.spans.all())
}

// TestTwoProcessesTakeAFile: when their file changes, all processes apply a limit, the log's level and the
// sampling share without a signal. A setting that needs a restart is named, an invalid file changes nothing, and
// every reload is counted.
func TestTwoProcessesTakeAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gochat.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("log:\n  level: warn\ntrace:\n  sampling: 0\n")
	all := launchTuned(t, 2, "--config", file)
	for _, in := range all {
		in.keeps(t)
	}
	write("log:\n  level: debug\ntrace:\n  sampling: 1\nlimits:\n  content_max: 100\ngateway:\n  ping_interval: 20s\n")
	for _, in := range all {
		in.takes(t)
		in.waitFor(t, &in.stderr, `{"source": "file", "settings": ["gateway.ping_interval"]}`)
		in.metric(t, `gochat_config_reloads_total{outcome="taken",source="file"} 1`)
		in.metric(t, `gochat_config_reloads_total{outcome="restart",source="file"} 1`)
	}
	for i, wrong := range []string{
		"limits:\n  content_max: 0\n", "limits:\n  content_mx: 200\n", "limits: [\n", "log:\n  level: loud\n",
		"limits:\n  content_max: 200\n  password_min: 60\n  password_max: 50\n",
	} {
		write(wrong)
		for _, in := range all {
			in.metric(t, fmt.Sprintf(`gochat_config_reloads_total{outcome="refused",source="file"} %d`, i+1))
			assert.Equal(t, http.StatusBadRequest, in.status(t, 101))
		}
	}
}

// TestAVolumeOfKubernetes: files that are symbolic links into a directory are reloaded when the directory is
// replaced as a whole, which is how Kubernetes changes a volume.
func TestAVolumeOfKubernetes(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	exchange := func(version, text string) {
		dir := filepath.Join(volume, ".."+version)
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "gochat.yaml"), []byte(text), 0o600))
		require.NoError(t, os.Symlink(".."+version, filepath.Join(volume, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")))
	}
	exchange("1", "log:\n  level: warn\ntrace:\n  sampling: 0\n")
	require.NoError(t, os.Symlink("..data/gochat.yaml", filepath.Join(volume, "gochat.yaml")))
	in := launchTuned(t, 1, "--config", filepath.Join(volume, "gochat.yaml"))[0]
	in.keeps(t)
	exchange("2", "log:\n  level: debug\ntrace:\n  sampling: 1\nlimits:\n  content_max: 100\n")
	in.takes(t)
	exchange("3", "log:\n  level: warn\n")
	in.waitFor(t, &in.stderr, `"to": "warn"`)
	require.Eventually(t, func() bool { return in.status(t, 101) == http.StatusOK }, ending, 20*time.Millisecond, "%s", in.stderr.String())
}

// TestASteppedLevelStays: a level of SIGUSR1 stays while other settings change, until SIGHUP.
func TestASteppedLevelStays(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gochat.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("trace:\n  sampling: 0\n")
	in := launchTuned(t, 1, "--config", file)[0]
	require.NoError(t, in.cmd.Process.Signal(syscall.SIGUSR1))
	in.waitFor(t, &in.stderr, `{"from": "info", "to": "debug"}`)
	write("limits:\n  content_max: 100\n")
	in.metric(t, `gochat_config_reloads_total{outcome="taken",source="file"} 1`)
	assert.NotContains(t, in.stderr.String(), `"to": "info"`)
	require.NoError(t, in.cmd.Process.Signal(syscall.SIGHUP))
	in.waitFor(t, &in.stderr, `"to": "info"`)
}

// TestTwoProcessesTakeEtcd: all processes apply changes at etcd. A process whose environment or flags set
// the same setting keeps its value and logs that.
func TestTwoProcessesTakeEtcd(t *testing.T) {
	t.Parallel()
	endpoints := os.Getenv("GOCHAT_TEST_ETCD_ENDPOINTS")
	if endpoints == "" {
		t.Skip("GOCHAT_TEST_ETCD_ENDPOINTS is not set")
	}
	prefix := fmt.Sprintf("/test-reload-%d", time.Now().UnixNano())
	etcd, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(endpoints, ","), DialTimeout: ending})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, etcd.Close()) })
	t.Cleanup(func() {
		_, err := etcd.Delete(context.WithoutCancel(t.Context()), prefix, clientv3.WithPrefix())
		assert.NoError(t, err)
	})
	put := func(pairs ...string) {
		var ops []clientv3.Op
		for i := 0; i < len(pairs); i += 2 {
			ops = append(ops, clientv3.OpPut(prefix+"/config/"+pairs[i], pairs[i+1]))
		}
		_, err := etcd.Txn(t.Context()).Then(ops...).Commit()
		require.NoError(t, err)
	}
	put("trace.sampling", "0", "limits.mentions", "7")
	all := launchTuned(t, 2, "--registry-endpoints", endpoints, "--registry-prefix", prefix, "--limits-mentions", "5")
	for _, in := range all {
		in.keeps(t)
	}
	put("limits.content_max", "100", "log.level", "debug", "trace.sampling", "1", "gateway.ping_interval", "20s", "limits.mentions", "6")
	for _, in := range all {
		in.takes(t)
		in.waitFor(t, &in.stderr, `{"source": "etcd", "settings": ["gateway.ping_interval"]}`)
		in.waitFor(t, &in.stderr, `{"settings": ["limits.mentions"]}`)
		in.metric(t, `gochat_config_reloads_total{outcome="taken",source="etcd"} 1`)
	}
	for i, wrong := range [][2]string{{"limits.content_mx", "1"}, {"limits.history_max", "none"}, {"gateway.listen", "127.0.0.1:1"}} {
		put(wrong[0], wrong[1])
		for _, in := range all {
			in.metric(t, fmt.Sprintf(`gochat_config_reloads_total{outcome="refused",source="etcd"} %d`, i+1))
			assert.Equal(t, http.StatusBadRequest, in.status(t, 101))
		}
		_, err := etcd.Delete(t.Context(), prefix+"/config/"+wrong[0])
		require.NoError(t, err)
	}
	_, err = etcd.Delete(t.Context(), prefix+"/config/limits.content_max")
	require.NoError(t, err)
	for _, in := range all {
		require.Eventually(t, func() bool { return in.status(t, 101) == http.StatusOK }, ending, 20*time.Millisecond)
	}
}
