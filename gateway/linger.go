package gateway

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/valyala/fasthttp"
)

// lingerBytes is how much of a refused request is read and thrown away.
const lingerBytes = 64 << 20

// lingerListener makes connections whose close can wait until the client has sent what it was sending.
// Closing the listener ends these waits.
type lingerListener struct {
	net.Listener
	most time.Duration // of one wait
	ctx  context.Context
	cut  context.CancelFunc
}

func newLingerListener(ln net.Listener, most time.Duration) *lingerListener {
	l := &lingerListener{Listener: ln, most: most}
	l.ctx, l.cut = context.WithCancel(context.Background())
	return l
}

func (l *lingerListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lingerConn{Conn: c, from: l}, nil
}

func (l *lingerListener) Close() error {
	l.cut()
	return l.Listener.Close()
}

// lingerConn is a connection of a lingerListener.
type lingerConn struct {
	net.Conn
	from    *lingerListener
	waiting atomic.Bool
}

// Close closes the connection; after linger it ends its own half first and takes what still comes, up
// to lingerBytes and the listener's time. A system that closes a connection with unread bytes resets
// it, and a client that is still writing never sees the answer.
func (c *lingerConn) Close() error {
	half, ok := plainConn(c).(interface{ CloseWrite() error })
	if !ok || !c.waiting.CompareAndSwap(true, false) || half.CloseWrite() != nil {
		return c.Conn.Close()
	}
	if c.SetReadDeadline(time.Now().Add(c.from.most)) == nil {
		// A deadline in the past ends a read that has begun. When it cannot be set, the one above ends it.
		stop := context.AfterFunc(c.from.ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes) // however it ends, the connection is closed next
		stop()
	}
	return c.Conn.Close()
}

// linger marks the connection of a request that was refused before all of it was read: Close then lets the client send
// the rest first.
func linger(ctx *fasthttp.RequestCtx) {
	if c, ok := ctx.Conn().(*lingerConn); ok {
		c.waiting.Store(true)
	}
}

// plainConn returns the connection below the layers of this file and of the PROXY protocol, for a caller that takes the
// connection away from the HTTP server. No bytes that were read may be left in these layers.
func plainConn(c net.Conn) net.Conn {
	if l, ok := c.(*lingerConn); ok {
		c = l.Conn
	}
	if p, ok := c.(*proxyproto.Conn); ok {
		c = p.Raw()
	}
	return c
}
