package blackbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// socket is an open WebSocket whose frames are read as they come.
type socket struct {
	t      *testing.T
	conn   *websocket.Conn
	hello  obj
	frames chan frame
	closed chan *websocket.CloseError
	// world keeps pushes of world, which are ignored by default since other tests send there, too.
	world atomic.Bool
	// wrong is the error of a frame that violates the contract.
	wrong atomic.Pointer[error]
}

type frame struct {
	Type string `json:"type"`
	Data obj    `json:"data"`
}

const patience = time.Minute

func dial(t *testing.T, path string, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(base(), "http")+path, header)
	return conn, resp, err
}

// open opens a socket and reads hello.
func (u *user) open(device string) *socket {
	u.t.Helper()
	path := "/ws?token=" + url.QueryEscape(u.token)
	if device != "" {
		path += "&deviceId=" + url.QueryEscape(device)
	}
	conn, _, err := dial(u.t, path, nil)
	require.NoError(u.t, err)
	return u.attach(conn)
}

func (u *user) attach(conn *websocket.Conn) *socket {
	u.t.Helper()
	s := &socket{t: u.t, conn: conn, frames: make(chan frame, 1024), closed: make(chan *websocket.CloseError, 1)}
	_, first, err := conn.ReadMessage()
	require.NoError(u.t, err)
	require.NoError(u.t, contract.ServerFrame(first))
	var hello frame
	require.NoError(u.t, json.Unmarshal(first, &hello))
	require.Equal(u.t, "hello", hello.Type, "the first frame")
	require.Equal(u.t, u.id, hello.Data["userId"])
	for _, k := range []string{"connectionId", "gatewayId", "pingInterval", "serverTime"} {
		require.Contains(u.t, hello.Data, k)
	}
	s.hello = hello.Data
	u.t.Cleanup(func() {
		_ = conn.Close()
		if wrong := s.wrong.Load(); wrong != nil {
			u.t.Error(*wrong)
		}
	})
	go s.read()
	return s
}

func (s *socket) read() {
	defer close(s.frames)
	for {
		_, data, err := s.conn.ReadMessage()
		var ce *websocket.CloseError
		if errors.As(err, &ce) {
			s.closed <- ce
		}
		if err != nil {
			return
		}
		if err := contract.ServerFrame(data); err != nil {
			s.wrong.Store(&err)
		}
		var f frame
		if json.Unmarshal(data, &f) != nil {
			continue
		}
		if f.Type == "new-message" && f.Data["conversationId"] == "world" && !s.world.Load() {
			continue
		}
		s.frames <- f
	}
}

func (s *socket) send(kind string, data obj) {
	s.t.Helper()
	require.NoError(s.t, s.conn.WriteMessage(websocket.TextMessage, enc(obj{"type": kind, "data": data})))
}

func (s *socket) raw(text []byte) {
	s.t.Helper()
	require.NoError(s.t, s.conn.WriteMessage(websocket.TextMessage, text))
}

// next returns the next frame of a kind; others are skipped.
func (s *socket) next(kind string) obj {
	s.t.Helper()
	d, err := s.await(kind)
	require.NoError(s.t, err)
	return d
}

// await is next for goroutines other than the test's, which must not fail the test directly.
func (s *socket) await(kind string) (obj, error) {
	deadline := time.After(patience)
	for {
		select {
		case f, open := <-s.frames:
			if !open {
				return nil, fmt.Errorf("the socket closed while waiting for %s", kind)
			}
			if f.Type == kind {
				return f.Data, nil
			}
		case <-deadline:
			return nil, fmt.Errorf("no frame %s", kind)
		}
	}
}

// nothing checks that no frame of the kinds comes before the pong to a ping.
func (s *socket) nothing(kinds ...string) {
	s.t.Helper()
	s.send("ping", obj{})
	for {
		select {
		case f := <-s.frames:
			if f.Type == "pong" {
				return
			}
			for _, k := range kinds {
				require.NotEqual(s.t, k, f.Type, "%v", f.Data)
			}
		case <-time.After(patience):
			require.FailNow(s.t, "no pong")
		}
	}
}

func (s *socket) close(code int) *websocket.CloseError {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case ce := <-s.closed:
			require.Equal(s.t, code, ce.Code, ce.Text)
			return ce
		case _, open := <-s.frames:
			if !open {
				select {
				case ce := <-s.closed:
					require.Equal(s.t, code, ce.Code, ce.Text)
					return ce
				default:
					require.FailNow(s.t, "the socket ended without a close")
				}
			}
		case <-deadline:
			require.FailNow(s.t, "the socket did not close", "%d", code)
		}
	}
}

func text(target obj, content, tempID string) obj {
	data := obj{"content": content, "messageType": "text", "tempMessageId": tempID}
	for k, v := range target {
		data[k] = v
	}
	return data
}
