package app

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestWhoMaySeeTheInside: on loopback the programs of this machine, elsewhere the bearer of the token.
func TestWhoMaySeeTheInside(t *testing.T) {
	const token = "0123456789abcdef"
	loopback, wide := "127.0.0.1", "0.0.0.0"
	for name, c := range map[string]struct {
		listen, token, host string
		header              http.Header
		want                int
	}{
		"loopback":                       {loopback, "", "127.0.0.1:9090", nil, 200},
		"loopback, version 6":            {"::1", "", "[::1]:9090", nil, 200},
		"loopback by name":               {loopback, "", "localhost:9090", nil, 200},
		"loopback beside a token":        {loopback, token, "localhost:9090", nil, 200},
		"a page under a made-up name":    {loopback, "", "evil.example:9090", nil, 403},
		"a page of another site":         {loopback, "", "localhost:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"through a proxy":                {loopback, "", "127.0.0.1", http.Header{"X-Forwarded-For": {"203.0.113.5"}}, 403},
		"through a proxy, with a token":  {loopback, token, "chat.example", http.Header{"X-Forwarded-For": {"203.0.113.5"}, "Authorization": {"Bearer " + token}}, 200},
		"through a proxy, none given":    {loopback, token, "chat.example", http.Header{"X-Forwarded-For": {"203.0.113.5"}}, 401},
		"a wrong token on loopback":      {loopback, token, "localhost", http.Header{"Authorization": {"Bearer wrong"}}, 401},
		"everywhere, and no token set":   {wide, "", "127.0.0.1:9090", nil, 404},
		"an empty token is none":         {wide, "", "127.0.0.1:9090", http.Header{"Authorization": {"Bearer "}}, 404},
		"everywhere, none given":         {wide, token, "10.0.0.1:9090", nil, 401},
		"everywhere, a wrong one":        {wide, token, "10.0.0.1:9090", http.Header{"Authorization": {"Bearer " + token + "x"}}, 401},
		"everywhere, an empty one":       {wide, token, "10.0.0.1:9090", http.Header{"Authorization": {"Bearer "}}, 401},
		"everywhere, the right one":      {wide, token, "10.0.0.1:9090", http.Header{"Authorization": {"Bearer " + token}}, 200},
		"the right one as a password":    {wide, token, "10.0.0.1:9090", http.Header{"Authorization": {"Basic " + token}}, 401},
		"the scheme in another spelling": {wide, token, "10.0.0.1:9090", http.Header{"Authorization": {"bearer " + token}}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			may := newAccess(&net.TCPAddr{IP: net.ParseIP(c.listen), Port: 9090}, c.token)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/", nil)
			r.Host = c.host
			for k, v := range c.header {
				r.Header[k] = v
			}
			w := httptest.NewRecorder()
			may.guard(profiles()).ServeHTTP(w, r)
			assert.Equal(t, c.want, w.Code, w.Body)
			assert.Equal(t, c.want == 200, strings.Contains(w.Body.String(), "goroutine"), "profiles are listed")
			assert.Equal(t, c.want == 401, w.Header().Get("WWW-Authenticate") != "")
		})
	}
}

// TestProfilesAreForNoPage: a web page cannot read profiles by DNS rebinding, a name that resolves to loopback.
func TestProfilesAreForNoPage(t *testing.T) {
	for name, c := range map[string]struct {
		listen, host string
		want         int
	}{
		"a program":          {"127.0.0.1", "127.0.0.1:6060", 200},
		"a page":             {"127.0.0.1", "evil.example:6060", 403},
		"inside the network": {"10.0.0.1", "gochat-1:6060", 200},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		openProfiles(&net.TCPAddr{IP: net.ParseIP(c.listen), Port: 6060}).ServeHTTP(w, r)
		assert.Equal(t, c.want, w.Code, name)
	}
}

func TestATokenThatIsTooShort(t *testing.T) {
	require.NoError(t, OpsConfig{}.validate())
	require.NoError(t, OpsConfig{Token: "0123456789abcdef"}.validate())
	err := OpsConfig{Token: "0123456789abcde"}.validate()
	require.ErrorContains(t, err, "ops.token has 15 bytes")
	require.NotContains(t, err.Error(), "0123456789abcde")
}

// TestLogLevelByCall: a word that is no level changes nothing, and a change of log.level replaces the level of a
// call.
func TestLogLevelByCall(t *testing.T) {
	level := zap.NewAtomicLevelAt(zapcore.InfoLevel)
	core, _ := observer.New(level)
	l := &logLevel{log: zap.New(core), level: level, configured: "info"}
	call := func(method, query, body string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, "/log-level"+query, strings.NewReader(body))
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for _, c := range []struct {
		method, query, body string
		status              int
		level               zapcore.Level
	}{
		{"GET", "", "", 200, zapcore.InfoLevel},
		{"PUT", "", "debug", 200, zapcore.DebugLevel},
		{"PUT", "", "warn\n", 200, zapcore.WarnLevel},
		{"PUT", "?level=error", "", 200, zapcore.ErrorLevel},
		{"PUT", "", `{"level": "debug"}`, 200, zapcore.DebugLevel},
		{"PUT", "", "loud", 400, zapcore.DebugLevel},
		{"PUT", "", "fatal", 400, zapcore.DebugLevel},
		{"PUT", "", "", 400, zapcore.DebugLevel},
		{"PUT", "", `{"level": 1}`, 400, zapcore.DebugLevel},
		{"PUT", "", strings.Repeat("x", 1<<20), 400, zapcore.DebugLevel},
		{"DELETE", "", "", 405, zapcore.DebugLevel},
	} {
		status, said := call(c.method, c.query, c.body)
		assert.Equal(t, c.status, status, "%v: %s", c, said)
		assert.Equal(t, c.level, level.Level(), "%v", c)
	}
	_, said := call("GET", "", "")
	assert.JSONEq(t, `{"level": "debug", "configured": "info"}`, said)

	require.NoError(t, l.configure("info"))
	assert.Equal(t, zapcore.DebugLevel, level.Level(), "other settings were read again")
	require.NoError(t, l.configure("warn"))
	assert.Equal(t, zapcore.WarnLevel, level.Level(), "the setting has changed")

	l.forget() // SIGHUP, and the file is refused: configure is not called
	l.step()
	require.NoError(t, l.configure("warn"))
	assert.Equal(t, zapcore.InfoLevel, level.Level(), "a later reload of other settings leaves the level of a signal")
	l.forget()
	require.NoError(t, l.configure("warn"))
	assert.Equal(t, zapcore.WarnLevel, level.Level(), "SIGHUP brings the configured level back")
}
