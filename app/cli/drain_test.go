package cli

import (
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answers asks a path of a process.
func answers(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// TestReadinessTurnsBeforeAnythingCloses: at SIGTERM a process is not ready any more, and alive; it
// serves everybody until the delay is over.
func TestReadinessTurnsBeforeAnythingCloses(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ops := "http://" + free.Addr().String()
	require.NoError(t, free.Close())
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0",
		"--ops-listen", free.Addr().String(), "--ops-drain-delay", "10m")
	for path, want := range map[string]int{
		"/livez": 200, "/healthz": 200, "/readyz": 200, "/readyz/start": 200, "/readyz/gateway": 200, "/readyz/queue": 200, "/readyz/nothing": 404,
		"/debug/pprof/goroutine?debug=1": 200, "/debug/pprof/heap": 200, "/log-level": 200,
	} {
		assert.Equal(t, want, answers(t, ops+path), path)
	}
	public := "http://" + p.address(t)
	for _, path := range []string{"/debug/pprof/", "/log-level"} {
		assert.Equal(t, 404, answers(t, public+path), path)
	}

	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.waitFor(t, &p.stderr, "this process is not ready any more")
	for path, want := range map[string]int{"/livez": 200, "/healthz": 200, "/readyz": 503, "/readyz/start": 503, "/readyz/gateway": 503, "/readyz/queue": 200} {
		assert.Equal(t, want, answers(t, ops+path), path)
	}
	assert.Equal(t, 503, answers(t, public+"/readyz"))
	assert.Equal(t, 200, answers(t, public+"/livez"))
	register(t, p.address(t)) // it serves as before
	assert.NotContains(t, p.stderr.String(), "stopping: what is accepted is finished first")
}
