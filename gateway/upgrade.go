package gateway

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gorilla/websocket"

	"github.com/gochat/gochat/contracts"
)

const (
	// readBuffer is what an idle socket keeps for reading; see burstConn.
	readBuffer = 512
	// handshakeBuffer holds the answer to a handshake while it is written.
	handshakeBuffer = 512
	// handshakeTimeout bounds the writing of the answer to a handshake.
	handshakeTimeout = 5 * time.Second
)

// handshakeHeaders are what the upgrader looks at.
var handshakeHeaders = []string{
	"Connection", "Upgrade", "Origin", "Sec-Websocket-Version", "Sec-Websocket-Key",
	"Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
}

func newUpgrader() websocket.Upgrader {
	return websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		ReadBufferSize:   readBuffer,
		WriteBufferPool:  &noPool{}, // all that gorilla itself writes are rare control frames
		Subprotocols:     []string{contracts.SubprotocolV1},
		// The origin was checked before the token.
		CheckOrigin: func(*http.Request) bool { return true },
	}
}

// noPool keeps gorilla from holding a write buffer for each socket.
type noPool struct{}

func (*noPool) Get() any { return nil }

func (*noPool) Put(any) {}

// handshake shows fasthttp's connection as an http.ResponseWriter that can be hijacked, as the upgrader needs it.
type handshake struct {
	conn   net.Conn
	header http.Header
}

func (h *handshake) Header() http.Header { return h.header }

// Write takes the upgrader's own error text: ours is sent in its place.
func (h *handshake) Write(p []byte) (int, error) { return len(p), nil }

func (h *handshake) WriteHeader(int) {}

// Hijack implements http.Hijacker.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	rw := bufio.NewReadWriter(bufio.NewReaderSize(h.conn, 16), bufio.NewWriterSize(h.conn, handshakeBuffer))
	return h.conn, rw, nil
}

// handshakeRequest copies what the upgrader needs: fasthttp's own bytes are used again for
// other requests.
func handshakeRequest(c *fiber.Ctx) *http.Request {
	r := &http.Request{Method: http.MethodGet, Header: make(http.Header, len(handshakeHeaders)), Host: strings.Clone(c.Hostname())}
	for _, name := range handshakeHeaders {
		if v := c.Get(name); v != "" {
			r.Header[name] = []string{strings.Clone(v)}
		}
	}
	return r
}

// socketRoutes are where sockets are opened.
func (g *Gateway) socketRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/ws", scope: scopeSocket, limit: g.limitHandshakes, handle: plain(g.openSocket)},
	}
}

// limitHandshakes limits how many handshakes an address may make.
func (g *Gateway) limitHandshakes(c *fiber.Ctx) error {
	if wait := g.limits.handshakes.take(g.address(c)); wait > 0 {
		return rateLimited(wait)
	}
	return c.Next()
}

// openSocket answers a handshake.
func (g *Gateway) openSocket(c *fiber.Ctx) error {
	device, err := queryText(c, "deviceId")
	if err != nil {
		return err
	}
	if device != "" {
		if must := g.tuned().limits.CheckDeviceID(device); must != "" {
			return contracts.Invalid("deviceId", must)
		}
	}
	who, err := g.authenticate(c, socketToken(c), device)
	if err != nil {
		return err
	}
	answer := g.hub.reserve(who.user, func(turn uint64) {
		who.turn, who.since = turn, time.Now()
		g.readers.Add(1)
		g.conns.Add(1)
	})
	switch answer {
	case tooManySockets:
		return rateLimited(1)
	case shuttingDown:
		return contracts.NewError(contracts.CodeUnavailable, "")
	}
	if err := g.upgrade(c, who, device); err != nil {
		g.abandonHandshake(who)
		return err
	}
	return nil
}

func (g *Gateway) abandonHandshake(who grantee) {
	g.hub.release(who.user)
	g.readers.Done()
	g.conns.Done()
}

// upgrade answers the handshake within the handler, and takes the connection from
// fasthttp when the handler has returned.
func (g *Gateway) upgrade(c *fiber.Ctx, who grantee, device string) error {
	raw := plainConn(c.Context().Conn())
	burst := &burstConn{Conn: raw}
	header := http.Header{headerTraceID: {traceID(c)}}
	ws, err := g.upgrader.Upgrade(&handshake{conn: burst, header: header}, handshakeRequest(c), header)
	if err != nil {
		var bad websocket.HandshakeError
		if !errors.As(err, &bad) {
			c.Context().SetConnectionClose() // the connection is in no known state
		}
		return contracts.NewError(contracts.CodeInvalidArgument, "This is not a WebSocket handshake.").WithCause(err)
	}
	c.Status(http.StatusSwitchingProtocols) // for the metrics: it is sent already
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(hijacked net.Conn) {
		// fasthttp clears the deadlines before it calls this, and must have its buffers
		// back: the socket runs on a goroutine of its own.
		if early(hijacked) {
			g.abandonHandshake(who)
			_ = raw.Close() // it broke the protocol
			return
		}
		tune(raw, g.cfg.KernelBuffer)
		go g.newConn(ws, raw, who, device).run()
	})
	return nil
}

// early reports whether the client sent anything before the handshake was answered. Such bytes are in fasthttp's
// buffer: a read past its deadline returns nothing else.
func early(c net.Conn) bool {
	var b [1]byte
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return false // the reader finds out
	}
	n, _ := c.Read(b[:])
	_ = c.SetReadDeadline(time.Time{}) // as above
	return n > 0
}

// socketToken returns the token of a handshake: from the query, the Authorization
// header or the second value of the subprotocol.
func socketToken(c *fiber.Ctx) string {
	if t := c.Query("token"); t != "" {
		return t
	}
	if t := bearer(c); t != "" {
		return t
	}
	// A list in several lines is the same as one with commas (RFC 9110, section 5.3).
	var list []string
	for _, line := range c.Request().Header.PeekAll("Sec-WebSocket-Protocol") {
		list = append(list, strings.Split(string(line), ",")...)
	}
	if len(list) > 1 && strings.TrimSpace(list[0]) == contracts.SubprotocolV1 {
		return strings.TrimSpace(list[1])
	}
	return ""
}
