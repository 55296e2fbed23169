package gateway

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/obs"
)

// goodbyeBuffer is by how many bytes the kernel's send buffer of a closing socket grows, so that the close frame fits.
const goodbyeBuffer = 128 << 10

// conn is one WebSocket. Its own goroutine reads; a second one writes, and exists
// only while something is queued.
type conn struct {
	g       *Gateway
	id      string
	user    int64
	device  string
	tokenID string
	token   string    // checked again by open once the session is registered, then cleared
	expires int64     // Unix milliseconds
	issued  int64     // of the token, Unix milliseconds
	opened  int64     // Unix milliseconds
	since   time.Time // the time of opened with its monotonic reading
	turn    uint64    // the number of its handshake on this gateway
	noted   int64     // when the device was noted last, Unix milliseconds; of heartbeat
	shard   uint32    // chooses the turn in which heartbeat pings it

	ws  *websocket.Conn // reads only
	tcp net.Conn
	q   queue

	// unacked holds an element for each send that waits for its ack.
	unacked chan struct{}
	limiter *rate.Limiter
	tuned   *tuning // what limiter is set to
	refused int     // frames refused since refusedAt, of the reader
	// refusedAt begins the window in which refused frames are counted, Unix ms.
	refusedAt int64
	stopped   bool // the drain ended the reading, of the reader
	// writeBy is the write deadline that is set, Unix milliseconds; of the writer.
	writeBy int64

	seen     atomic.Int64 // Unix milliseconds of the last sign of life
	progress atomic.Int64 // Unix milliseconds of the last byte that went out
	closing  atomic.Int64 // Unix milliseconds by which it is closed, 0 while open
}

// grantee is a token that was found good, and its user.
type grantee struct {
	user    int64
	token   string
	tokenID string
	expires int64
	issued  int64

	// turn numbers the handshakes of this gateway in their order; since is when this one was admitted.
	turn  uint64
	since time.Time
}

func (g *Gateway) newConn(ws *websocket.Conn, tcp net.Conn, who grantee, device string) *conn {
	now := who.since.UnixMilli()
	c := &conn{
		g: g, id: g.next(), user: who.user, device: device, token: who.token, tokenID: who.tokenID, expires: who.expires,
		issued: who.issued, opened: now, since: who.since, turn: who.turn, noted: now, shard: uint32(g.counter.Load()), ws: ws, tcp: tcp, //nolint:gosec // wraps around as it should
		unacked: make(chan struct{}, g.cfg.UnackedSends),
		tuned:   g.tuned(),
	}
	c.limiter = newFrameLimiter(c.tuned)
	c.seen.Store(now)
	c.progress.Store(now)
	// Nothing goes out before hello.
	c.q.writing = true
	return c
}

func (c *conn) session() *pb.Session {
	return &pb.Session{
		UserId: c.user, ConnectionId: c.id, GatewayId: c.g.id, DeviceId: c.device, LoginAt: c.opened,
	}
}

// run is the life of a socket from the handshake to the end.
func (c *conn) run() {
	g := c.g
	defer g.conns.Done()
	defer g.hub.release(c.user)
	replaced, late := g.hub.add(c)
	if late {
		replaced = append(replaced, c)
	}
	for _, old := range replaced {
		old.close(contracts.CloseReplaced, contracts.CloseReasonReplaced)
	}
	// In a goroutine of its own: its calls need a deep stack, which this one would
	// keep for the life of the socket.
	var opening sync.WaitGroup
	opening.Go(c.open)
	opening.Wait()
	c.read()
	if g.draining.Load() {
		c.awaitAcks()
	}
	g.readers.Done()
	c.finish()
	g.hub.remove(c)
	g.watch.drop(c)
	c.note()
	g.registrar.remove(c.session())
}

// stopReading ends the reading of a socket when the gateway drains.
func (c *conn) stopReading() {
	if c.closing.Load() == 0 {
		_ = c.tcp.SetReadDeadline(time.Unix(1, 0)) // fails only where reading does
	}
}

// awaitAcks returns when every send of the socket is answered.
func (c *conn) awaitAcks() {
	for range cap(c.unacked) {
		c.unacked <- struct{}{}
	}
}

// open registers the socket and says hello. Frames that arrive for it meanwhile wait behind hello.
func (c *conn) open() {
	g := c.g
	ctx, cancel := g.rpc(obs.WithCaller(context.Background(), c.caller()))
	defer cancel()
	c.introduce(ctx)
	// A logout between the handshake and now did not find this socket.
	if _, err := g.deps.Auth.Authenticate(ctx, &pb.AuthenticateRequest{Token: c.token, DeviceId: c.device}); err != nil &&
		contracts.AsError(err).Code == contracts.CodeUnauthenticated {
		c.close(contracts.CloseTokenRevoked, contracts.CloseReasonRevoked)
	}
	c.token = ""
	epoch := g.epochs.get(ctx)
	hello := textFrame(contracts.FrameHello, contracts.HelloData{
		ConnectionID: c.id, UserID: contracts.UserID(c.user).String(), GatewayID: g.id,
		PingInterval: g.cfg.PingInterval.Milliseconds(), ServerTime: time.Now().UnixMilli(), Epoch: epoch,
	})
	c.q.uncork(hello)
	go c.write()
	g.metrics.sent(contracts.FrameHello, 1)
	if c.device != "" {
		g.replaceElsewhere(ctx, c)
	}
}

// kicks are sockets whose writer is to start once a whole batch is queued, so that
// each of them writes once.
type kicks []*conn

func (k *kicks) start() {
	for i, c := range *k {
		go c.write()
		(*k)[i] = nil
	}
	*k = (*k)[:0]
}

// push queues a frame and returns 1 when it will be sent. The caller starts kick.
func (c *conn) push(f frame, kick *kicks) int {
	v, start := c.q.put(f, c.g.cfg.QueueFrames, c.g.cfg.QueueBytes)
	if start {
		*kick = append(*kick, c)
	}
	switch v {
	case queued:
		return 1
	case overflow:
		c.g.metrics.queueFull.Inc()
		c.closeRetry(contracts.CloseTooSlow, contracts.CloseReasonTooSlow)
	case collapsed, dropped:
		c.g.metrics.queueFull.Inc()
	}
	return 0
}

// reply queues an answer to the client's own frame and starts its writer.
func (c *conn) reply(raw []byte) { c.answer(raw, classControl) }

// answer is reply with a class of its own.
func (c *conn) answer(raw []byte, as class) {
	var one [1]*conn
	kick := kicks(one[:0])
	c.push(frame{raw: raw, class: as}, &kick)
	kick.start()
}

// close ends the socket with a close frame; only the first call counts.
func (c *conn) close(code int, reason string) {
	// A client that is too slow would not read what is queued, and one that floods need not get it.
	discard := code == contracts.CloseTooSlow || code == contracts.CloseFlooding
	c.end(closeFrame(code, reason), discard, code)
}

// closeRetry is close with a reconnect delay in the reason, different for each socket.
func (c *conn) closeRetry(code int, reason string) {
	c.close(code, contracts.CloseReasonWithRetry(reason, c.g.retry.next()))
}

func (c *conn) end(last []byte, discard bool, code int) {
	first, start := c.q.close(last, discard)
	if !first {
		return
	}
	c.g.metrics.closed(code)
	until := time.Now().Add(c.g.cfg.CloseGrace)
	c.closing.Store(until.UnixMilli())
	if tcp, ok := c.tcp.(*net.TCPConn); ok && !start {
		// A writer may wait for room in the kernel: make some for the goodbye, which the
		// kernel goes on delivering when the socket is closed.
		_ = tcp.SetWriteBuffer(c.g.cfg.KernelBuffer + goodbyeBuffer) // best effort
	}
	// Errors mean that the connection is gone, which the reader finds out as well.
	_ = c.tcp.SetReadDeadline(until)
	_ = c.tcp.SetWriteDeadline(until)
	if start {
		go c.write()
	}
}

// finish releases the connection when the reader has ended; no writer is left when
// it returns.
func (c *conn) finish() {
	if c.stopped && c.goodbye() {
		return
	}
	if first, _ := c.q.close(nil, true); first {
		// The client has gone without a word: there is nobody to write to.
		c.g.metrics.closed(websocket.CloseAbnormalClosure)
		_ = c.tcp.Close() // as above
	}
	<-c.q.whenEnded()
	_ = c.tcp.Close() // as above
}

// goodbye waits for the drain to close the socket, since nobody reads any more. False:
// the drain has run out of time.
func (c *conn) goodbye() bool {
	select {
	case <-c.q.whenEnded():
	case <-c.g.forced:
		return false
	}
	// Closing while the client's bytes are unread would reset the connection, and the
	// client could miss the close frame.
	_, _ = io.Copy(io.Discard, c.tcp) // ends with the client's end or the deadline
	_ = c.tcp.Close()                 // its error could not be told to anybody
	return true
}
