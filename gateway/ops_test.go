package gateway

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// publicListener says that it listens on another address than it does.
type publicListener struct {
	net.Listener
	at net.Addr
}

func (l publicListener) Addr() net.Addr { return l.at }

// TestOperationsAreNotPublic: what tells of the inside is for who may reach loopback, or wherever an
// operator wants it.
func TestOperationsAreNotPublic(t *testing.T) {
	for _, c := range []struct {
		address string
		asked   bool
		want    int
	}{
		{"127.0.0.1", false, 200}, {"127.8.0.1", false, 200}, {"::1", false, 200},
		{"203.0.113.5", false, 404}, {"10.0.0.1", false, 404}, {"0.0.0.0", false, 404}, {"::", false, 404},
		{"203.0.113.5", true, 200}, {"::", true, 200},
	} {
		h := startAs(t, func(ln net.Listener) net.Listener {
			return publicListener{ln, &net.TCPAddr{IP: net.ParseIP(c.address), Port: 80}}
		}, func(cfg *Config, _ *Deps) { cfg.ServeOps = c.asked })
		for _, path := range []string{"/metrics", "/readyz"} {
			r := h.call("GET", path, "", "")
			require.Equal(t, c.want, r.status, "%s %v", path, c)
			if r.status == 404 {
				require.JSONEq(t, `{"error":{"code":"not_found","message":"There is no such thing here.","traceId":"`+r.err.TraceID+`"}}`, r.body)
			}
		}
		require.Equal(t, 200, h.call("GET", "/healthz", "", "").status, "a balancer asks it of the public port")
	}
}

// TestReadinessElsewhere: who asks the process on another port learns that its gateway is stopping.
func TestReadinessElsewhere(t *testing.T) {
	h := start(t)
	require.NoError(t, h.gw.Check(context.Background()))
	h.gw.Leave()
	require.Error(t, h.gw.Check(context.Background()))
	require.Equal(t, 503, h.call("GET", "/readyz", "", "").status)
	require.Equal(t, 200, h.call("GET", "/livez", "", "").status, "it serves on until it drains")
}

// TestLifeIsNotReadiness: a process that stands still inside says so, and no dependency does.
func TestLifeIsNotReadiness(t *testing.T) {
	var stuck, away error
	h := start(t, func(_ *Config, d *Deps) {
		d.Alive = func() error { return stuck }
		d.Health = func(context.Context) map[string]error { return map[string]error{"database": away} }
	})
	away = errors.New("connection refused")
	require.Equal(t, 503, h.call("GET", "/readyz", "", "").status)
	require.Equal(t, 200, h.call("GET", "/livez", "", "").status)
	stuck = errors.New("nothing moves")
	require.Equal(t, 503, h.call("GET", "/livez", "", "").status)
	require.Equal(t, 200, h.call("GET", "/healthz", "", "").status)
}

func TestOperations(t *testing.T) {
	down := errors.New("connection refused to 10.0.0.1")
	h := start(t, func(_ *Config, d *Deps) {
		d.Health = func(context.Context) map[string]error { return map[string]error{"db": nil, "queue": down} }
		d.OpenAPI, d.AsyncAPI = contracts.OpenAPI, contracts.AsyncAPI
		d.Web = fstest.MapFS{
			"index.html":      {Data: []byte("<html>")},
			"assets/x-123.js": {Data: []byte("let x")},
			"icon.svg":        {Data: []byte("<svg/>")},
		}
	})
	r := h.call("GET", "/readyz", "", "")
	require.Equal(t, 503, r.status)
	require.JSONEq(t, `{"status":"down","checks":{"db":"ok","gateway":"ok","queue":"down"}}`, r.body)
	h.dial("7:a", "")
	r = h.call("GET", "/metrics", "", "")
	require.Equal(t, 200, r.status)
	require.Contains(t, r.body, "gochat_gateway_connections 1")
	require.Contains(t, r.body, `gochat_gateway_http_request_seconds_count{method="GET",route="/readyz",status="503"} 1`)
	require.Contains(t, r.body, `gochat_gateway_frames_total{direction="out",type="hello"} 1`)
	require.Equal(t, string(contracts.OpenAPI), h.call("GET", "/openapi.yaml", "", "").body)
	require.Equal(t, "application/yaml; charset=utf-8", h.call("GET", "/asyncapi.yaml", "", "").header.Get("Content-Type"))
	for path, kind := range map[string]string{"/docs": "text/html; charset=utf-8", "/docs/style.css": "text/css; charset=utf-8"} {
		r = h.call("GET", path, "", "")
		require.Equal(t, 200, r.status, path)
		require.Equal(t, kind, r.header.Get("Content-Type"), path)
	}
	for path, want := range map[string][3]string{
		"/":                {"<html>", "text/html; charset=utf-8", "no-cache"},
		"/index.html":      {"<html>", "text/html; charset=utf-8", "no-cache"},
		"/icon.svg":        {"<svg/>", "image/svg+xml", "no-cache"},
		"/assets/x-123.js": {"let x", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
	} {
		r = h.call("GET", path, "", "")
		require.Equal(t, want, [3]string{r.body, r.header.Get("Content-Type"), r.header.Get("Cache-Control")}, path)
	}
	require.Equal(t, 404, h.call("GET", "/../go.mod", "", "").status)
}
