package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/obs"
)

// errFrameTooLarge makes read close the socket with 1009.
var errFrameTooLarge = errors.New("the frame is too large")

// textPool holds the buffers that frames are read into; a socket has one only while
// it reads a frame.
var textPool = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// maxPooled keeps rare large frames from staying in the pool.
const maxPooled = 16 << 10

// read takes frames until the socket ends or the gateway drains.
func (c *conn) read() {
	c.ws.SetPingHandler(func(data string) error {
		c.seen.Store(time.Now().UnixMilli())
		if c.allowFrame("ping") {
			c.reply(rawFrame(opPong, []byte(data)))
		}
		return nil
	})
	c.ws.SetPongHandler(func(string) error {
		c.seen.Store(time.Now().UnixMilli())
		c.allowFrame("pong")
		return nil
	})
	c.ws.SetCloseHandler(func(code int, _ string) error {
		if code == websocket.CloseNoStatusReceived {
			code = websocket.CloseNormalClosure
		}
		c.end(closeFrame(code, ""), false, code)
		return nil
	})
	for !c.g.draining.Load() || c.closing.Load() != 0 {
		kind, r, err := c.ws.NextReader()
		if err != nil {
			c.stopped = c.g.draining.Load() && timedOut(err)
			return
		}
		if c.closing.Load() != 0 {
			continue // NextReader skips what was not read
		}
		c.seen.Store(time.Now().UnixMilli())
		if err := c.frame(kind, r); err != nil {
			if errors.Is(err, errFrameTooLarge) {
				c.close(contracts.CloseFrameTooLarge, contracts.CloseReasonTooLarge)
				continue
			}
			c.stopped = c.g.draining.Load() && timedOut(err)
			return
		}
	}
	c.stopped = true
}

// timedOut reports whether err is a deadline that has passed, whatever gorilla wrapped it in.
func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// frame reads one frame and does what it says. An error ends the socket.
func (c *conn) frame(kind int, r io.Reader) error {
	buf := textPool.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= maxPooled {
			textPool.Put(buf)
		}
	}()
	text, err := readLimited(r, (*buf)[:0], c.g.cfg.FrameLimit)
	*buf = text[:0]
	if err != nil {
		return err
	}
	if kind != websocket.TextMessage {
		if c.allowFrame("") {
			c.fail(contracts.NewError(contracts.CodeInvalidArgument, "A frame must be a text message."), "")
		}
		return nil
	}
	c.handle(text)
	return nil
}

// readLimited appends r's bytes to buf, up to limit.
func readLimited(r io.Reader, buf []byte, limit int) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if len(buf) > limit {
			return buf, errFrameTooLarge
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// handle does what one text frame says.
func (c *conn) handle(text []byte) {
	defer func() {
		// A panic that one frame causes must not end the process.
		if p := recover(); p != nil {
			c.g.log.Error("a frame caused a panic", zap.String(obs.FieldRequest, c.id), zap.Int64(obs.FieldUser, c.user), zap.Any("panic", p), zap.Stack("stack"))
			c.fail(contracts.NewError(contracts.CodeInternal, ""), "")
		}
	}()
	typ, data, err := splitFrame(text)
	if err != nil {
		if c.allowFrame("") {
			c.g.metrics.received("")
			c.fail(contracts.NewError(contracts.CodeInvalidArgument, "The frame is not valid: "+err.Error()+"."), "")
		}
		return
	}
	row, known := clientFrames[typ]
	if row.limit == limitedByType && !c.allowFrame(typ) {
		return
	}
	c.g.metrics.received(typ)
	if !known {
		e := contracts.NewError(contracts.CodeInvalidArgument, "There is no such frame type.")
		c.noteRefused(e, "") // a name that the client made up is not for the log
		c.tell(e, printable(typ))
		return
	}
	row.handle(c, data)
}

// fail answers a bad frame; ref is its tempMessageId or type.
func (c *conn) fail(e *contracts.Error, ref string) {
	c.noteRefused(e, ref)
	c.tell(e, ref)
}

// tell says on the socket what was wrong with a frame.
func (c *conn) tell(e *contracts.Error, ref string) {
	c.say(contracts.FrameError, contracts.ErrorData{Code: e.Code, Message: e.Message, Ref: ref})
}

// reject tells that a send will never be stored.
func (c *conn) reject(e *contracts.Error, tempID string) {
	c.noteRefused(e, tempID)
	c.say(contracts.FrameRejected, contracts.RejectedData{TempMessageID: tempID, Code: e.Code, Message: e.Message})
}

// allowFrame applies the socket's rate limit. A refused frame is answered by an error, and more than FloodFrames of
// them within floodWindow close the socket.
func (c *conn) allowFrame(ref string) bool {
	if c.mayRead() {
		return true
	}
	c.refuse(ref)
	return false
}

// allowSend applies the limit on the user's sends, over all sockets and HTTP calls. A refused send counts as a refused
// frame.
func (c *conn) allowSend(tempID string) bool {
	if c.g.limits.sends.take(c.user) == 0 {
		return true
	}
	c.refuse(tempID)
	return false
}

// refuse answers a frame that was one too many.
func (c *conn) refuse(ref string) {
	// Frames that are let through in between do not reset the count: a bucket that refills all the time would let a
	// flood go on for ever.
	if now := time.Now().UnixMilli(); now-c.refusedAt > floodWindow.Milliseconds() {
		c.refused, c.refusedAt = 0, now
	}
	if c.refused++; c.refused > c.g.tuned().rates.FloodFrames {
		c.closeRetry(contracts.CloseFlooding, contracts.CloseReasonFlooding)
		return
	}
	e := contracts.NewError(contracts.CodeRateLimited, "")
	c.answer(textFrame(contracts.FrameError, contracts.ErrorData{Code: e.Code, Message: e.Message, Ref: printable(ref)}), classCourtesy)
	c.g.metrics.sent(contracts.FrameError, 1)
}

// floodWindow is the time in which FloodFrames may be refused.
const floodWindow = 10 * time.Second

func (c *conn) markRead(data value) {
	ctx, end := c.begin(contracts.FrameRead)
	defer end()
	d, err := readData(data)
	if err == nil {
		ctx, cancel := c.g.rpc(ctx)
		defer cancel()
		_, err = c.g.deps.Conversations.Read(ctx, &pb.ReadRequest{
			CallerId: c.user, ConversationId: d.ConversationID, SeqId: d.SeqID, ConnectionId: c.id,
		})
	}
	if err != nil {
		c.fail(c.told(ctx, err, contracts.FrameRead), contracts.FrameRead)
	}
}

func (c *conn) typing(data value) {
	ctx, end := c.begin(contracts.FrameTyping)
	defer end()
	conv, err := typingData(data)
	if err == nil {
		if !c.g.typists.allow(c.user, conv, time.Now()) {
			return
		}
		ctx, cancel := c.g.rpc(ctx)
		defer cancel()
		_, err = c.g.deps.Conversations.Typing(ctx, &pb.TypingRequest{
			CallerId: c.user, ConversationId: conv, ConnectionId: c.id,
		})
		if err != nil {
			c.g.typists.undo(c.user, conv)
		}
	}
	if err != nil {
		c.fail(c.told(ctx, err, contracts.FrameTyping), contracts.FrameTyping)
	}
}
