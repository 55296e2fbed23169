package cli

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/app"
)

// TestHealthcheckAsksWhoRunsHere: /livez and /readyz of a running process with the same settings are
// asked; after that process has ended the check fails.
func TestHealthcheckAsksWhoRunsHere(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	settings := []string{"--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0", "--ops-listen", address}
	check := func(words ...string) (int, string) {
		var out syncBuffer
		code := run(t.Context(), append(append([]string{"healthcheck"}, words...), settings...), &out, &out)
		return code, out.String()
	}

	code, said := check()
	assert.Equal(t, 1, code)
	assert.Contains(t, said, "nobody answers")

	b := boot(t, settings...)
	b.waitFor(t, "open  http://")
	code, said = check()
	assert.Zero(t, code, said)
	code, said = check("--ready")
	assert.Zero(t, code, said)
	assert.Contains(t, said, "database", "readiness names dependencies")
}

// TestHealthcheckTellsWhatIsWrong: an answer other than 200 ends with exit code 1 and says what the answer was.
func TestHealthcheckTellsWhatIsWrong(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":"down at ` + r.URL.Path + `"}`))
	}))
	defer srv.Close()
	var stdout, stderr syncBuffer
	code := run(t.Context(), []string{"healthcheck", "--ready", "--ops-listen", strings.TrimPrefix(srv.URL, "http://")}, &stdout, &stderr)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr.String(), "down at /readyz")
}

func TestHealthcheckFindsItsAddress(t *testing.T) {
	for _, c := range []struct{ ops, gateway, want string }{
		{ops: "", gateway: "127.0.0.1:8080", want: "http://127.0.0.1:8080/livez"},
		{ops: ":9090", gateway: "10.0.0.1:8080", want: "http://127.0.0.1:9090/livez"},
		{ops: "0.0.0.0:9090", want: "http://127.0.0.1:9090/livez"},
		{ops: "[::]:9090", want: "http://[::1]:9090/livez"},
		{ops: "10.0.0.7:9090", want: "http://10.0.0.7:9090/livez"},
		{ops: "pod:9090", want: "http://pod:9090/livez"},
	} {
		cfg := app.DefaultConfig()
		cfg.Ops.Listen, cfg.Gateway.Listen = c.ops, c.gateway
		url, err := healthURL(cfg, false)
		require.NoError(t, err)
		assert.Equal(t, c.want, url)
	}
	for _, address := range []string{"127.0.0.1:0", "nonsense"} {
		cfg := app.DefaultConfig()
		cfg.Ops.Listen = address
		_, err := healthURL(cfg, false)
		assert.Error(t, err, address)
	}
}
