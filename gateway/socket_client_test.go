package gateway

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

type client struct {
	t testing.TB
	*websocket.Conn
	hello contracts.HelloData
}

// dial opens a socket for a token; query is appended to the address.
func (h *harness) dial(token, query string) *client {
	h.t.Helper()
	ws, resp, err := h.try("?token="+url.QueryEscape(token)+query, nil)
	require.NoError(h.t, err)
	_ = resp.Body.Close()
	c := &client{t: h.t, Conn: ws}
	h.t.Cleanup(func() { _ = ws.Close() })
	c.expect(contracts.FrameHello, &c.hello)
	return c
}

func (h *harness) try(query string, header http.Header, protocols ...string) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: patience, NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(4096)
		}
		return c, err
	}}
	return d.Dial("ws://"+h.addr+"/ws"+query, header)
}

func (c *client) write(text string) {
	c.t.Helper()
	require.NoError(c.t, c.WriteMessage(websocket.TextMessage, []byte(text)))
}

func (c *client) send(typ string, data any) {
	c.t.Helper()
	c.write(string(contracts.EncodeFrame(typ, data)))
}

func (c *client) next() contracts.Frame {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	_, text, err := c.ReadMessage()
	require.NoError(c.t, err)
	var f contracts.Frame
	require.NoError(c.t, json.Unmarshal(text, &f), "%s", text)
	return f
}

func (c *client) expect(typ string, data any) {
	c.t.Helper()
	f := c.next()
	require.Equal(c.t, typ, f.Type, "%s", f.Data)
	if data != nil {
		require.NoError(c.t, json.Unmarshal(f.Data, data))
	}
}

// closed reads until the socket ends and returns how.
func (c *client) closed() *websocket.CloseError {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	ce, err := c.ended()
	require.NotNil(c.t, ce, "the socket ended without a close frame: %v", err)
	return ce
}

// tooSlow returns when the server has closed the socket as too slow. Where the buffers
// are full the close frame may not get through, and the socket ends without one: clients
// take that for the same.
func (c *client) tooSlow(h *harness) (ce *websocket.CloseError) {
	c.t.Helper()
	h.eventually(func() bool {
		return h.closes(contracts.CloseTooSlow) == 1
	}, "the server closes it as too slow")
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	ce, err := c.ended()
	var timeout net.Error
	require.False(c.t, errors.As(err, &timeout) && timeout.Timeout(), "the socket does not end")
	if ce != nil {
		require.Equal(c.t, contracts.CloseTooSlow, ce.Code)
	}
	return ce
}

// ended reads to the end of the socket: its close frame, or the error instead of one.
func (c *client) ended() (*websocket.CloseError, error) {
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		var ce *websocket.CloseError
		if errors.As(err, &ce) && ce.Code != websocket.CloseAbnormalClosure {
			return ce, nil
		}
		return nil, err
	}
}

// barrier returns when everything that the gateway had for this socket has come.
func (c *client) barrier() (frames []contracts.Frame) {
	c.t.Helper()
	c.write(`{"type":"ping","data":{}}`)
	for {
		f := c.next()
		if f.Type == contracts.FramePong {
			return frames
		}
		frames = append(frames, f)
	}
}
