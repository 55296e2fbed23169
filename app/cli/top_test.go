package cli

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTopShowsWhoRunsHere: a process with default settings prints the URL of its status page, and top finds it.
func TestTopShowsWhoRunsHere(t *testing.T) {
	b := boot(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "(or: gochat top --url http://127.0.0.1:")
	url := regexp.MustCompile(`watch (http://\S+)/status`).FindStringSubmatch(b.stdout.String())[1]
	var stdout, stderr syncBuffer
	require.Zero(t, run(t.Context(), []string{"top", "--once", "--url", url}, &stdout, &stderr), stderr.String())
	for _, want := range []string{"gateway)  OK", "accepted 0/s", "sockets 0", "database", "accepted → socket"} {
		assert.Contains(t, stdout.String(), want)
	}
	assert.NotContains(t, stdout.String(), "\x1b")

	resp, err := http.Get(url + "/status")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 200, resp.StatusCode)
	assert.Len(t, resp.Header["Content-Security-Policy"], 1)
	assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
}

// TestTopNeedsTheTokenElsewhere: on an address that is not loopback the page asks for the token, and without
// the token there are no figures.
func TestTopNeedsTheTokenElsewhere(t *testing.T) {
	const token = "a-token-of-enough-bytes"
	t.Setenv("GOCHAT_OPS_TOKEN", token)
	free, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(free.Addr().String())
	require.NoError(t, err)
	require.NoError(t, free.Close())
	settings := []string{"--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0", "--ops-listen", "0.0.0.0:" + port}
	b := boot(t, settings...)
	b.waitFor(t, "gochat top")
	url := "http://127.0.0.1:" + port
	assert.Equal(t, 200, answers(t, url+"/status"))
	for _, path := range []string{"/status.json", "/debug/pprof/", "/log-level"} {
		assert.Equal(t, 401, answers(t, url+path), path)
	}
	wrong := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(wrong, []byte("another-token-of-enough-bytes\n"), 0o600))
	var stdout, stderr syncBuffer
	require.Equal(t, 1, run(t.Context(), append([]string{"top", "--once", "--token-file", wrong}, settings...), &stdout, &stderr))
	assert.Contains(t, stderr.String(), "401")
	require.Zero(t, run(t.Context(), append([]string{"top", "--once"}, settings...), &stdout, &stderr), stderr.String())
	assert.Contains(t, stdout.String(), "database")
	assert.NotContains(t, b.stderr.String()+stdout.String(), token)
}

// TestTopSteersNoTerminal: control characters in the answer of another server do not reach the terminal.
func TestTopSteersNoTerminal(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "\x1b]0;title\x07")
	}))
	defer server.Close()
	var stdout, stderr syncBuffer
	require.Equal(t, 1, run(t.Context(), []string{"top", "--once", "--url", server.URL}, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "418")
	assert.NotContains(t, stdout.String()+stderr.String(), "\x1b")
}
