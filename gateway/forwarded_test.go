package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// loginFrom logs in with headers and returns the address that the services are told.
func (h *harness) loginFrom(header http.Header) string {
	h.t.Helper()
	req, err := http.NewRequest("POST", "http://"+h.addr+"/api/auth/login", strings.NewReader(`{"username":"ann","password":"right-password"}`))
	require.NoError(h.t, err)
	req.Header = header
	require.Equal(h.t, 200, h.do(req).status)
	in, _ := last[*pb.LoginRequest](h.logic)
	return in.GetAddress()
}

// TestWhomAProxySpeaksFor: however a proxy writes its client's address, each client is counted alone.
func TestWhomAProxySpeaksFor(t *testing.T) {
	for way, cases := range map[string][]struct{ header, want string }{
		"x-forwarded-for": {
			{"1.2.3.4", "1.2.3.4"}, {"1.2.3.4:5678", "1.2.3.4"}, {"6.6.6.6, 1.2.3.4:5678, 127.0.0.9:1", "1.2.3.4"},
			{"2001:db8::1", "2001:db8::"}, {"[2001:db8::1]", "2001:db8::"}, {"[2001:db8::1]:443", "2001:db8::"}, {"[::ffff:1.2.3.4]:80", "1.2.3.4"},
			{"nonsense", "127.0.0.1"}, {"1.2.3.4, unknown", "127.0.0.1"}, {"[2001:db8::1", "127.0.0.1"}, {"[2001:db8::1]443", "127.0.0.1"}, {"", "127.0.0.1"},
		},
		"forwarded": {
			{`for=1.2.3.4`, "1.2.3.4"}, {`For="1.2.3.4:5678";proto=https;by=10.0.0.1`, "1.2.3.4"}, {`proto=http; for="[2001:db8:cafe::17]:4711"`, "2001:db8:cafe::"},
			{`for="[2001:db8::1]"`, "2001:db8::"}, {`for=6.6.6.6, for=1.2.3.4, for=127.0.0.9`, "1.2.3.4"}, {`for="1.2.3.4:_port"`, "1.2.3.4"},
			{`for=6.6.6.6;host="a,for=7.7.7.7", for="1.2.3.\4"`, "1.2.3.4"}, {`for=1.2.3.4,`, "1.2.3.4"}, {`for=1.2.3.4, proto=https`, "127.0.0.1"},
			{`for=unknown`, "127.0.0.1"}, {`for=_hidden`, "127.0.0.1"}, {`for="1.2.3.4`, "127.0.0.1"}, {`for="1.2.3.4"x`, "127.0.0.1"}, {`nonsense`, "127.0.0.1"}, {"", "127.0.0.1"},
		},
	} {
		h := start(t, func(c *Config, _ *Deps) { c.TrustedProxies, c.ForwardedBy = []string{"127.0.0.0/8"}, way })
		for _, c := range cases {
			other := http.Header{"Forwarded": {"for=9.9.9.9"}, "X-Forwarded-For": {"9.9.9.9"}}
			other[http.CanonicalHeaderKey(way)] = []string{c.header}
			require.Equal(t, c.want, h.loginFrom(other), "%s: %s", way, c.header)
		}
	}
	h := start(t)
	require.Equal(t, "127.0.0.1", h.loginFrom(http.Header{"Forwarded": {"for=9.9.9.9"}, "X-Forwarded-For": {"9.9.9.9"}}), "who is no proxy is believed nothing")
}

// TestProxyProtocol: a trusted proxy begins each connection with its client's address, and nobody else may.
func TestProxyProtocol(t *testing.T) {
	const login = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 9.9.9.9\r\nContent-Length: 46\r\n\r\n" +
		`{"username":"ann","password":"right-password"}`
	start := func(trusted string) (*harness, func(head string) int) {
		h := start(t, func(c *Config, _ *Deps) { c.TrustedProxies, c.ForwardedBy = []string{trusted}, "proxy-protocol" })
		return h, func(head string) int {
			conn, err := net.Dial("tcp", h.addr)
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			_, err = io.WriteString(conn, head+login)
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return 0
			}
			require.NoError(t, resp.Body.Close())
			return resp.StatusCode
		}
	}
	h, try := start("127.0.0.1")
	told := func() string {
		in, _ := last[*pb.LoginRequest](h.logic)
		return in.GetAddress()
	}
	require.Equal(t, 200, try("PROXY TCP4 1.2.3.4 10.0.0.1 5678 80\r\n"))
	require.Equal(t, "1.2.3.4", told())
	require.Equal(t, 200, try("PROXY TCP6 2001:db8::1 2001:db8::2 5678 80\r\n"))
	require.Equal(t, "2001:db8::", told())
	require.Equal(t, 200, try("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x05\x0a\x00\x00\x01\x16\x2e\x00\x50"), "version 2")
	require.Equal(t, "1.2.3.5", told())
	require.NotEqual(t, 200, try(""), "a proxy that does not say for whom")

	d := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil {
			_, err = io.WriteString(c, "PROXY TCP4 1.2.3.4 10.0.0.1 5678 80\r\n")
		}
		return c, err
	}}
	ws, _, err := d.Dial("ws://"+h.addr+"/ws?token=7:a", nil)
	require.NoError(t, err)
	c := &client{t: t, Conn: ws}
	c.expect("hello", nil)
	c.barrier()
	require.NoError(t, ws.Close())

	h, try = start("10.0.0.1")
	require.Equal(t, 200, try(""), "who is no proxy connects as ever")
	require.Equal(t, "127.0.0.1", told())
	require.NotEqual(t, 200, try("PROXY TCP4 1.2.3.4 10.0.0.1 5678 80\r\n"), "and does not speak for others")
	require.Equal(t, netip.MustParseAddr("127.0.0.1").String(), told())
}
