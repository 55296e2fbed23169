package gateway

import (
	"net"
	"sync"
)

// burstBytes is what one read takes from a busy socket.
const burstBytes = 16 << 10

var burstPool = sync.Pool{New: func() any { b := make([]byte, burstBytes); return &b }}

// burstConn reads into the caller's small buffer while its socket is quiet, and into a large pooled buffer while more
// arrives than fits: an idle socket costs next to nothing, a busy one few system calls. Only one goroutine may call
// Read; the other methods are those of net.Conn.
type burstConn struct {
	net.Conn
	buf  *[]byte // nil unless busy
	data []byte  // of buf, not yet taken
	busy bool
}

func (c *burstConn) Read(p []byte) (int, error) {
	if len(c.data) > 0 {
		return c.take(p), nil
	}
	if !c.busy {
		c.drop()
		n, err := c.Conn.Read(p)
		c.busy = n == len(p)
		return n, err
	}
	if c.buf == nil {
		c.buf = burstPool.Get().(*[]byte)
	}
	n, err := c.Conn.Read(*c.buf)
	// A read that does not fill the buffer has emptied the socket: the next read may wait, and must not hold the buffer.
	c.busy = n == len(*c.buf)
	c.data = (*c.buf)[:n]
	if n == 0 {
		return 0, err
	}
	return c.take(p), err
}

func (c *burstConn) take(p []byte) int {
	n := copy(p, c.data)
	c.data = c.data[n:]
	return n
}

// drop gives the large buffer back; nothing may be left in it.
func (c *burstConn) drop() {
	if c.buf != nil {
		burstPool.Put(c.buf)
		c.buf, c.data = nil, nil
	}
}
