package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// from makes a request as a browser does for a page of an origin.
func (h *harness) from(origin, method, path string, header http.Header) response {
	h.t.Helper()
	req, err := http.NewRequest(method, "http://"+h.addr+path, nil)
	require.NoError(h.t, err)
	for name, values := range header {
		req.Header[name] = values
	}
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	return h.do(req)
}

func allowing(origins ...string) func(*Config, *Deps) {
	return func(c *Config, _ *Deps) { c.AllowedOrigins, c.BodyLimit = origins, 100 }
}

// corsOf returns the CORS headers of an answer, without their prefix.
func corsOf(r response) map[string]string {
	out := map[string]string{}
	for name := range r.header {
		if rest, ok := strings.CutPrefix(name, "Access-Control-"); ok {
			out[rest] = r.header.Get(name)
		}
	}
	return out
}

// preflight is what a browser asks before a call of a page of another origin.
var preflight = http.Header{"Access-Control-Request-Method": {"PATCH"}, "Access-Control-Request-Headers": {"authorization,content-type"}}

func TestPagesOfListedOriginsUseTheAPI(t *testing.T) {
	h := start(t, allowing("https://app.example.com", "https://*.example.org:8443", "capacitor://localhost"))
	for _, origin := range []string{"https://app.example.com", "https://app.example.com:443", "https://a.b.example.org:8443", "capacitor://localhost"} {
		h.isListed(t, origin)
	}
	for _, origin := range []string{"https://evil.example.com", "http://app.example.com", "https://app.example.com:8443", "https://example.org:8443", "https://evilexample.org:8443", "null", ""} {
		h.isNotListed(t, origin)
	}
}

// isListed makes the calls of a page that may use the API.
func (h *harness) isListed(t *testing.T, origin string) {
	t.Helper()
	for _, path := range []string{"/api/users/me", "/api/auth/login", "/api/conversations/world/messages"} {
		r := h.from(origin, "OPTIONS", path, preflight)
		require.Equal(t, 204, r.status, "%s %s: %s", origin, path, r.body)
		require.Equal(t, map[string]string{
			"Allow-Origin": origin, "Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
			"Allow-Headers": "Authorization, Content-Type, Idempotency-Key", "Max-Age": "7200",
		}, corsOf(r))
		require.Equal(t, "Origin", r.header.Get("Vary"))
		require.Empty(t, r.body)
	}
	answer := map[string]string{"Allow-Origin": origin, "Expose-Headers": "X-Trace-Id, Retry-After"}
	for name, c := range map[string]struct {
		method, path string
		header       http.Header
		status       int
	}{
		"an answer":      {"GET", "/api/users/me", http.Header{"Authorization": {"Bearer 7:a"}}, 200},
		"an error":       {"GET", "/api/users/me", nil, 401},
		"nothing there":  {"GET", "/api/nothing", nil, 404},
		"an encoding":    {"POST", "/api/auth/login", http.Header{"Content-Encoding": {"gzip"}}, 415},
		"too much of it": {"GET", "/api/users/me", http.Header{"X-Long": {strings.Repeat("x", 9000)}}, 431},
		"no call":        {"GET", "/healthz", nil, 200},
	} {
		r := h.from(origin, c.method, c.path, c.header)
		require.Equal(t, c.status, r.status, name)
		if c.status == 431 {
			continue // its headers were not read: nobody knows where it came from
		}
		require.Equal(t, answer, corsOf(r), name)
		require.Equal(t, "Origin", r.header.Get("Vary"), name)
	}
	req, err := http.NewRequest("POST", "http://"+h.addr+"/api/auth/login", strings.NewReader(strings.Repeat("x", 101)))
	require.NoError(t, err)
	req.Header.Set("Origin", origin)
	r := h.do(req)
	require.Equal(t, 413, r.status)
	require.Equal(t, answer, corsOf(r), "the page is told why")

	ws, resp, err := h.try("?token=7:a", http.Header{"Origin": {origin}})
	require.NoError(t, err, "%s: %v", origin, resp)
	require.NoError(t, ws.Close())
}

// isNotListed makes the calls of a page that may not read what it is answered.
func (h *harness) isNotListed(t *testing.T, origin string) {
	t.Helper()
	r := h.from(origin, "GET", "/api/users/me", http.Header{"Authorization": {"Bearer 7:a"}})
	require.Equal(t, 200, r.status, "%s: the normal answer", origin)
	require.Empty(t, corsOf(r), origin)
	require.Equal(t, "Origin", r.header.Get("Vary"), "a cache must not give it to a page of a listed one")
	r = h.from(origin, "OPTIONS", "/api/users/me", preflight)
	require.Equal(t, 405, r.status, "%s: the normal answer", origin)
	require.NotEmpty(t, r.header.Get("Allow"))
	require.Contains(t, r.body, "method_not_allowed")
	require.Equal(t, origin != "", strings.Contains(r.body, "gateway.allowed_origins"), "where to look")
	require.Empty(t, corsOf(r), origin)
	if origin != "" {
		_, resp, err := h.try("?token=7:a", http.Header{"Origin": {origin}})
		require.Error(t, err, origin)
		require.Equal(t, 403, resp.StatusCode, origin)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Contains(t, string(text), "gateway.allowed_origins", "where to look")
	}
}

func TestEveryOriginMayBeAllowed(t *testing.T) {
	h := start(t, allowing("*"))
	for _, origin := range []string{"https://anything.example", "null", ""} {
		r := h.from(origin, "GET", "/api/users/me", nil)
		require.Equal(t, map[string]string{"Allow-Origin": "*", "Expose-Headers": "X-Trace-Id, Retry-After"}, corsOf(r), origin)
		r = h.from(origin, "OPTIONS", "/api/users/me", http.Header{"Access-Control-Request-Method": {"GET"}})
		require.Equal(t, 204, r.status)
		ws, _, err := h.try("?token=7:a", http.Header{"Origin": {origin}})
		require.NoError(t, err, origin)
		require.NoError(t, ws.Close())
	}
}

// TestNoPageReadsWhatIsForOperators: in whatever spelling of its path the route is reached.
func TestNoPageReadsWhatIsForOperators(t *testing.T) {
	h := start(t, allowing("*"))
	for _, path := range []string{"/metrics", "/readyz"} {
		for _, end := range []string{"", "/", "//", "?x=/", "/?x"} {
			for _, method := range []string{"GET", "HEAD"} {
				r := h.from("https://anything.example", method, path+end, nil)
				require.Equal(t, 200, r.status, path+end)
				require.Empty(t, corsOf(r), "%s %s", method, path+end)
			}
			r := h.from("https://anything.example", "OPTIONS", path+end, http.Header{"Access-Control-Request-Method": {"GET"}})
			require.NotEqual(t, 204, r.status, path+end)
			require.Empty(t, corsOf(r), path+end)
		}
	}
}

func TestNoOriginIsAllowedUnlessListed(t *testing.T) {
	h := start(t)
	r := h.from("https://elsewhere.example", "GET", "/api/users/me", http.Header{"Authorization": {"Bearer 7:a"}})
	require.Equal(t, 200, r.status)
	require.Empty(t, corsOf(r))
	require.NotEqual(t, 204, h.from("https://elsewhere.example", "OPTIONS", "/api/users/me", http.Header{"Access-Control-Request-Method": {"GET"}}).status)
	ws, _, err := h.try("?token=7:a", http.Header{"Origin": {"http://" + h.addr}})
	require.NoError(t, err, "its own page")
	require.NoError(t, ws.Close())
}

// TestDefaultPortsOfOrigins: the scheme's default port equals no port, in the setting and in the Origin header.
func TestDefaultPortsOfOrigins(t *testing.T) {
	h := start(t)
	for _, c := range []struct {
		origin, host string
		want         int
	}{
		{"https://x", "x:443", 101}, {"https://x:443", "x", 101}, {"http://x", "x:80", 101}, {"http://x:80", "x", 101},
		{"https://X", "x", 101}, {"https://x:8443", "x:8443", 101}, {"http://[::1]", "[::1]:80", 101},
		{"https://x", "x:80", 403}, {"https://x", "x:8443", 403}, {"https://x:8443", "x", 403}, {"https://y", "x:443", 403},
	} {
		ws, resp, err := h.try("?token=7:a", http.Header{"Origin": {c.origin}, "Host": {c.host}})
		require.NotNil(t, resp, "%v: %v", c, err)
		require.Equal(t, c.want, resp.StatusCode, c)
		if err == nil {
			require.NoError(t, ws.Close())
		}
	}
}
