package gateway

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSlowRequest: a client that sends its request a byte at a time is cut off.
func TestSlowRequest(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.ReadTimeout = 100 * time.Millisecond })
	for _, begun := range []string{"", "POST /api/auth/login HTTP/1.1\r\nHost: x\r\n"} {
		conn, err := net.Dial("tcp", h.addr)
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, begun)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		text, err := io.ReadAll(conn)
		require.NoError(t, err, "the server ends it")
		require.Empty(t, text, "nobody takes it for an answer to what comes next")
	}
}

// TestEarlyData: bytes behind a handshake that is not answered yet break the protocol.
func TestEarlyData(t *testing.T) {
	h := start(t)
	conn, err := net.Dial("tcp", h.addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /ws?token=7:a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	text, _ := bufio.NewReader(conn).ReadString(0)
	require.NotContains(t, text, "hello")
	h.eventually(func() bool { return h.gw.hub.len() == 0 && len(h.gw.hub.slots) == 0 }, "released")
}
