package vectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gochat/gochat/contracts"
)

// frame is a received frame.
type frame struct {
	typ   string
	value any
}

// socket is an open WebSocket whose frames are read as they come.
type socket struct {
	conn   *websocket.Conn
	frames chan frame
	// stash keeps frames of other types that came before an awaited one, by type.
	stash map[string][]frame
	// stop ends the reader; done is closed when the reader has ended.
	stop, done chan struct{}
	// closed and wrong are written by the reader; read them after done.
	closed *websocket.CloseError
	wrong  error
}

func (r *run) open(ctx context.Context, o Open) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	target, header, err := r.handshake(o)
	if err != nil {
		return err
	}
	conn, resp, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(r.base(), "http")+target, header)
	if resp != nil && resp.Body != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	if o.Refused != nil {
		return r.refused(*o.Refused, conn, resp, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", o.Socket, err)
	}
	if o.Via == "subprotocol" && conn.Subprotocol() != contracts.SubprotocolV1 {
		return errors.Join(fmt.Errorf("open %s: subprotocol %q", o.Socket, conn.Subprotocol()), conn.Close())
	}
	if _, there := r.sockets[o.Socket]; there {
		return errors.Join(fmt.Errorf("there is a socket %s already", o.Socket), conn.Close())
	}
	s := &socket{conn: conn, frames: make(chan frame, 1024), stash: map[string][]frame{}, stop: make(chan struct{}), done: make(chan struct{})}
	r.sockets[o.Socket] = s
	go s.read(r.Contract.ServerFrame, !r.World)
	first, err := s.next("", patience)
	if err != nil {
		return fmt.Errorf("hello of %s: %w", o.Socket, err)
	}
	hello := map[string]any{"type": contracts.FrameHello}
	if o.As != "" {
		hello["data"] = map[string]any{"userId": r.vars[o.As+".userId"]}
	}
	return match(hello, first.value)
}

// handshake returns the URL and the headers to open a socket with.
func (r *run) handshake(o Open) (target string, header http.Header, err error) {
	token, err := r.token(o.As, o.Token)
	if err != nil {
		return "", nil, err
	}
	device, err := r.vars.expand(o.DeviceID)
	if err != nil {
		return "", nil, err
	}
	query := url.Values{}
	if device != "" {
		query.Set("deviceId", printed(device))
	}
	header = http.Header{}
	switch {
	case token == "":
	case o.Via == "header":
		header.Set("Authorization", "Bearer "+token)
	case o.Via == "subprotocol":
		header.Set("Sec-WebSocket-Protocol", contracts.SubprotocolV1+", "+token)
	default:
		query.Set("token", token)
	}
	if o.Origin != "" {
		header.Set("Origin", o.Origin)
	}
	return "/ws?" + query.Encode(), header, nil
}

// refused checks that a handshake was refused with the expected answer.
func (r *run) refused(want Expect, conn *websocket.Conn, resp *http.Response, err error) error {
	if err == nil {
		return errors.Join(errors.New("the handshake was not refused"), conn.Close())
	}
	if resp == nil {
		return err
	}
	raw, err := io.ReadAll(resp.Body) // the dialer keeps only the first KiB of the body
	if err != nil {
		return fmt.Errorf("read a refusal: %w", err)
	}
	var body any
	if err := json.Unmarshal(raw, &body); err != nil {
		return fmt.Errorf("a refusal is no JSON: %w: %.200q", err, raw)
	}
	return r.expectHTTP(want, resp, body)
}

// read reads and checks frames until the socket ends.
func (s *socket) read(judge func([]byte) error, skipWorld bool) {
	defer close(s.done)
	defer close(s.frames)
	for {
		_, text, err := s.conn.ReadMessage()
		if err != nil {
			errors.As(err, &s.closed)
			return
		}
		if err := judge(text); err != nil {
			s.wrong = err
			return
		}
		var f struct {
			Type string `json:"type"`
			Data any    `json:"data"`
		}
		if err := json.Unmarshal(text, &f); err != nil {
			s.wrong = err
			return
		}
		if data, _ := f.Data.(map[string]any); skipWorld && data["conversationId"] == string(contracts.World) {
			continue
		}
		select {
		case s.frames <- frame{f.Type, map[string]any{"type": f.Type, "data": f.Data}}:
		case <-s.stop:
			return
		}
	}
}

// next returns the next frame of a type, of any type when it is empty.
func (s *socket) next(typ string, within time.Duration) (frame, error) {
	if kept := s.stash[typ]; len(kept) > 0 {
		s.stash[typ] = kept[1:]
		return kept[0], nil
	}
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		select {
		case f, open := <-s.frames:
			if !open {
				return frame{}, errors.Join(fmt.Errorf("the socket ended before a %s came", typ), s.wrong)
			}
			if typ == "" || f.typ == typ {
				return f, nil
			}
			s.stash[f.typ] = append(s.stash[f.typ], f)
		case <-late.C:
			return frame{}, fmt.Errorf("no %s came within %v", typ, within)
		}
	}
}

// end closes the socket and returns an error of its frames.
func (s *socket) end() error {
	close(s.stop)
	_ = s.conn.Close() // it may be closed already
	<-s.done
	return s.wrong
}

// closing returns the server's close as an error, or nil when the server did not close.
func (s *socket) closing() error {
	if s.closed == nil {
		return nil
	}
	return s.closed
}

func (r *run) socket(name string) (*socket, error) {
	if s := r.sockets[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("there is no socket %s", name)
}

func (r *run) send(c Send) error {
	s, err := r.socket(c.Socket)
	if err != nil {
		return err
	}
	text, err := r.payload(c.Frame, c.Text)
	if err != nil {
		return err
	}
	kind := websocket.TextMessage
	if c.Binary {
		kind = websocket.BinaryMessage
	}
	err = s.conn.WriteMessage(kind, text)
	if c.UntilClosed {
		return nil //nolint:nilerr // a step Closed checks the close
	}
	return err
}

func (r *run) receive(c Receive) error {
	s, err := r.socket(c.Socket)
	if err != nil {
		return err
	}
	want, err := r.vars.expand(c.Frame)
	if err != nil {
		return err
	}
	typ, _ := want.(map[string]any)["type"].(string)
	within := patience
	if c.WithinMs > 0 {
		within = time.Duration(c.WithinMs) * time.Millisecond
	}
	deadline := time.Now().Add(within)
	for {
		got, err := s.next(typ, time.Until(deadline))
		if err != nil {
			return fmt.Errorf("on %s: %w", c.Socket, err)
		}
		err = match(want, got.value)
		if err == nil {
			return r.vars.capture(c.Capture, got.value)
		}
		if !c.Among {
			return fmt.Errorf("on %s: %s: %w", c.Socket, show(got.value), err)
		}
	}
}

// quiet sends a ping and waits for its pong: frames that were sent before the pong have come by then.
func (r *run) quiet(c Quiet) error {
	s, err := r.socket(c.Socket)
	if err != nil {
		return err
	}
	if err := s.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping","data":{}}`)); err != nil {
		return err
	}
	if _, err := s.next(contracts.FramePong, patience); err != nil {
		return err
	}
	for typ, kept := range s.stash {
		if slices.Contains(c.Types, typ) && len(kept) > 0 {
			return fmt.Errorf("on %s came what should not: %s", c.Socket, show(kept[0].value))
		}
	}
	return nil
}

func (r *run) closed(c Closed) error {
	s, err := r.socket(c.Socket)
	if err != nil {
		return err
	}
	delete(r.sockets, c.Socket)
	late := time.NewTimer(patience)
	defer late.Stop()
	for open := true; open; {
		select {
		case _, open = <-s.frames:
		case <-late.C:
			return errors.Join(fmt.Errorf("%s did not close", c.Socket), s.end())
		}
	}
	if err := s.end(); err != nil {
		return err
	}
	if s.closed == nil || s.closed.Code != c.Code {
		return errors.Join(fmt.Errorf("%s did not close with %d", c.Socket, c.Code), s.closing())
	}
	if c.Reason == nil {
		return nil
	}
	return match(c.Reason, s.closed.Text)
}
