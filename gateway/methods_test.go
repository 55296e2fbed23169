package gateway

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// TestOtherMethods: a path that is there says which methods it takes.
func TestOtherMethods(t *testing.T) {
	h := start(t)
	for _, c := range []struct{ method, path, allow string }{
		{"POST", "/api/users/me", "GET, HEAD, PATCH"}, {"DELETE", "/api/users/8", "GET, HEAD"}, {"GET", "/api/auth/login", "POST"},
		{"HEAD", "/api/auth/login", "POST"}, {"PUT", "/api/groups/5", "GET, HEAD, DELETE, PATCH"}, {"OPTIONS", "/api/messages", "POST"},
		{"POST", "/ws", "GET"}, {"HEAD", "/ws?token=7:a", "GET"}, {"POST", "/healthz", "GET, HEAD"},
		{"BREW", "/api/users/me", "GET, HEAD, PATCH"}, {"TRACE", "/api/users/me", "GET, HEAD, PATCH"}, {"PROPFIND", "/ws", "GET"},
	} {
		r := h.call(c.method, c.path, "7:a", "")
		require.Equal(t, 405, r.status, "%v: %s", c, r.body)
		require.Equal(t, c.allow, r.header.Get("Allow"), c)
		if c.method != "HEAD" {
			require.Equal(t, contracts.CodeMethodNotAllowed, r.err.Code, c)
			require.Equal(t, r.header.Get("X-Trace-Id"), r.err.TraceID, c)
		}
	}
	for _, method := range []string{"GET", "POST", "BREW", "OPTIONS"} {
		for _, path := range []string{"/api/nothing", "/nothing", "/api"} {
			r := h.call(method, path, "7:a", "")
			require.Equal(t, 404, r.status, "%s %s", method, path)
			require.Empty(t, r.header.Get("Allow"))
			require.Equal(t, contracts.CodeNotFound, r.err.Code)
		}
	}
}

// TestOnlyGetUpgrades: a complete handshake by another method opens no socket.
func TestOnlyGetUpgrades(t *testing.T) {
	h := start(t)
	for _, method := range []string{"HEAD", "POST", "OPTIONS"} {
		conn, err := net.Dial("tcp", h.addr)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = io.WriteString(conn, method+" /ws?token=7:a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		require.NoError(t, err)
		text := make([]byte, len("HTTP/1.1 405"))
		_, err = io.ReadFull(conn, text)
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 405", string(text), method)
		require.NoError(t, conn.Close())
	}
	require.Zero(t, h.gw.hub.len())
}

// TestEncodedPaths: an id in a path is decoded, once.
func TestEncodedPaths(t *testing.T) {
	h := start(t)
	encode := func(id string) string {
		var b strings.Builder
		for _, c := range []byte(id) {
			b.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[c>>4])) + string("0123456789abcdef"[c&15]))
		}
		return b.String()
	}
	single := string(contracts.SingleConversation(7, 8))
	for _, path := range []string{
		"/api/users/{8}", "/api/conversations/{world}", "/api/conversations/{" + single + "}", "/api/conversations/{world}/messages", "/api/groups/{5}",
	} {
		id := path[strings.Index(path, "{")+1 : strings.Index(path, "}")]
		at := func(id string) string {
			return path[:strings.Index(path, "{")] + id + path[strings.Index(path, "}")+1:]
		}
		want := h.call("GET", at(id), "7:a", "")
		require.Equal(t, 200, want.status, at(id))
		require.Equal(t, want.body, h.call("GET", at(encode(id)), "7:a", "").body, path)
		require.Equal(t, want.body, h.call("GET", at(encode(id[:1])+id[1:]), "7:a", "").body, path)
		for _, bad := range []string{encode(encode(id)), id + "%00", id + "%20", "%ff" + id, id + "%2F"} {
			require.Equal(t, 404, h.call("GET", at(bad), "7:a", "").status, at(bad))
		}
	}
	require.Equal(t, 204, h.call("DELETE", "/api/devices/"+url.PathEscape("a/b %41"), "7:a", "").status)
	require.Equal(t, "a/b %41", h.personal.revoked.GetDeviceId())
}

// TestHeaderLimit: headers up to HeaderLimit are read, larger ones get 431.
func TestHeaderLimit(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.HeaderLimit = 32 << 10 })
	get := func(n int) response {
		return h.from("", "GET", "/healthz", http.Header{"X-Long": {strings.Repeat("x", n)}})
	}
	require.Equal(t, 200, get(31<<10).status)
	r := get(33 << 10)
	require.Equal(t, 431, r.status)
	require.Equal(t, contracts.CodeHeadersTooLarge, r.err.Code)
	require.Equal(t, r.header.Get("X-Trace-Id"), r.err.TraceID)
}
