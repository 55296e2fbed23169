package gateway

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/gochat/gochat/contracts"
)

// write sends what is queued, and ends when nothing is.
func (c *conn) write() {
	for {
		ch, hinted, ok := c.q.next(c.g.cfg.QueueFrames, c.g.cfg.QueueBytes)
		if hinted > 0 {
			c.g.metrics.syncHints.Add(float64(hinted))
			c.g.metrics.sent(contracts.FrameSyncHint, hinted)
		}
		if !ok {
			return
		}
		err := c.send(ch.raw)
		ch.free()
		if err != nil {
			c.q.abandon()
			// The reader has to notice as well.
			_ = c.tcp.SetReadDeadline(time.Now()) // fails only where reading does
			return
		}
		if ch.since != 0 {
			c.g.metrics.wrote(c.progress.Load() - ch.since)
		}
		if half, ok := c.tcp.(interface{ CloseWrite() error }); ch.last && ok {
			_ = half.CloseWrite() // the client may be gone already
		}
	}
}

// send writes a whole chunk, for as long as the client keeps taking some of it.
func (c *conn) send(raw []byte) error {
	for {
		if err := c.allow(); err != nil {
			return err
		}
		n, err := c.tcp.Write(raw)
		now := time.Now().UnixMilli()
		if n > 0 {
			c.progress.Store(now)
		}
		if raw = raw[n:]; len(raw) == 0 {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if until := c.closing.Load(); until != 0 && until <= now {
			return err
		}
	}
}

// allow sets the write deadline: soon, so that progress is seen, and not after the deadline of a closing socket. A
// deadline that is far enough away is kept, since each new one moves a timer of the runtime.
func (c *conn) allow() error {
	slow := c.g.cfg.SlowTimeout
	if now := time.Now(); c.writeBy-now.UnixMilli() < (slow / 4).Milliseconds() {
		by := now.Add(slow / 2)
		c.writeBy = by.UnixMilli()
		if err := c.tcp.SetWriteDeadline(by); err != nil {
			return err
		}
	}
	// The socket may have begun to close meanwhile.
	if until := c.closing.Load(); until != 0 {
		return c.tcp.SetWriteDeadline(time.UnixMilli(until))
	}
	return nil
}

// tune sets a socket's send buffer in the kernel, in bytes.
func tune(tcp net.Conn, sendBuffer int) {
	if t, ok := tcp.(*net.TCPConn); ok {
		_ = t.SetWriteBuffer(sendBuffer) // the system's default does as well, at a higher price
	}
}
