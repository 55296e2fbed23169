package gateway

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
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
