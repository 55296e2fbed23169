package gateway

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// bulky is a push that fills buffers.
func bulky(conv string, seq uint64) *pb.Delivery {
	return &pb.Delivery{
		Everyone: true, ConversationId: conv, SeqId: seq,
		Frame: contracts.EncodeFrame(contracts.FrameNew, contracts.MessageData{ConversationID: conv, SeqID: seq, Content: strings.Repeat("x", 8000)}),
	}
}

func small(c *Config, _ *Deps) {
	c.QueueFrames, c.KernelBuffer = 16, 4096
}

// TestSlowSocketGetsHints: pushes for a socket that does not read collapse to one
// hint a conversation, with the newest number, and nothing that came through is
// behind its hint.
func TestSlowSocketGetsHints(t *testing.T) {
	h := start(t, small)
	slow, quick := h.dial("7:a", ""), h.dial("8:a", "")
	const n = 200
	newest := map[string]uint64{}
	for i := range uint64(n) {
		conv := fmt.Sprint("group_", 1+i%3)
		newest[conv] = i + 1
		h.deliver(bulky(conv, i+1))
		quick.expect(contracts.FrameNew, nil)
	}
	// A control frame has room of its own.
	h.deliver(&pb.Delivery{OnlyConnectionId: slow.hello.ConnectionID, Frame: contracts.EncodeFrame(contracts.FrameStored, contracts.StoredData{TempMessageID: "m"})})
	h.deliver(push(1, &pb.Delivery{UserIds: []int64{8}}))
	quick.expect(contracts.FrameNew, nil)

	stored, hints, pushes := 0, map[string]uint64{}, map[string]uint64{}
	for len(hints) < len(newest) {
		f := slow.next()
		switch f.Type {
		case contracts.FrameStored:
			stored++
		case contracts.FrameSyncHint:
			var d contracts.SyncHintData
			require.NoError(t, unmarshal(f, &d))
			require.NotContains(t, hints, d.ConversationID, "one hint a conversation")
			hints[d.ConversationID] = d.LastSeq
		case contracts.FrameNew:
			var d contracts.MessageData
			require.NoError(t, unmarshal(f, &d))
			require.Greater(t, d.SeqID, pushes[d.ConversationID], "order")
			require.NotContains(t, hints, d.ConversationID)
			pushes[d.ConversationID] = d.SeqID
		default:
			t.Fatalf("nobody sent a %s frame", f.Type)
		}
	}
	require.Equal(t, 1, stored)
	require.Equal(t, newest, hints)
	require.Empty(t, slow.barrier())
	h.deliver(bulky("group_1", 999))
	slow.expect(contracts.FrameNew, nil)
}

func TestTooSlowIsClosed(t *testing.T) {
	h := start(t, small, func(c *Config, _ *Deps) { c.SlowTimeout = 100 * time.Millisecond })
	slow := h.dial("7:a", "")
	for i := range uint64(300) {
		h.deliver(bulky("world", i+1))
	}
	h.eventually(func() bool { return h.gw.hub.len() == 0 }, "closed")
	if ce := slow.tooSlow(h); ce != nil {
		require.Regexp(t, `^slow retry-after-ms=\d+$`, ce.Text)
	}
}

// TestControlOverflowIsClosed: answers are never dropped; where they do not fit the
// socket is too slow.
func TestControlOverflowIsClosed(t *testing.T) {
	h := start(t, small)
	slow := h.dial("7:a", "")
	frame := contracts.EncodeFrame(contracts.FrameStored, contracts.StoredData{TempMessageID: strings.Repeat("m", 8000)})
	for range 600 {
		h.deliver(&pb.Delivery{OnlyConnectionId: slow.hello.ConnectionID, Frame: frame})
	}
	slow.tooSlow(h)
}

// quietTime is a ping interval of which a loaded machine does not miss three.
const quietTime = 500 * time.Millisecond

func TestNoPing(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.PingInterval = quietTime })
	silent, alive, pinging := h.dial("7:a", ""), h.dial("8:a", ""), h.dial("9:a", "")
	silent.SetPingHandler(func(string) error { return nil }) // gorilla would answer
	pinging.SetPingHandler(func(string) error { return nil })
	done := make(chan struct{})
	go func() { // answers the server's pings
		defer close(done)
		for {
			if _, _, err := alive.ReadMessage(); err != nil {
				return
			}
		}
	}()
	stop := make(chan struct{})
	pinger := make(chan struct{})
	go func() {
		defer close(pinger)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				_ = pinging.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(time.Second))
			}
		}
	}()
	ce := silent.closed()
	require.Equal(t, contracts.CloseNoPing, ce.Code)
	require.Equal(t, "idle", ce.Text)
	h.eventually(func() bool { return h.gw.hub.len() == 2 }, "one has gone")
	time.Sleep(4 * quietTime) // longer than any silence may last
	require.Equal(t, 2, h.gw.hub.len(), "who gives a sign of life stays")
	close(stop)
	<-pinger
	_ = alive.Close()
	<-done
}

func TestTokenExpires(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.SlowTimeout = 40 * time.Millisecond })
	h.logic.expires = time.Now().Add(2 * time.Second) // the handshake comes before
	ce := h.dial("7:a", "").closed()
	require.Equal(t, contracts.CloseTokenRevoked, ce.Code)
	require.Equal(t, "expired", ce.Text)
}

func TestFlooding(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) {
		c.Rates.FramesPerSecond, c.Rates.FramesBurst, c.Rates.FloodFrames = 1, 5, 10
	})
	c := h.dial("7:a", "")
	for i := range 30 {
		c.send(contracts.FrameSend, contracts.SendData{ConversationID: "world", Content: "x", MessageType: "text", TempMessageID: fmt.Sprint(i)})
	}
	refused := 0
	for {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		_, text, err := c.ReadMessage()
		if err != nil {
			ce, ok := err.(*websocket.CloseError) //nolint:errorlint // gorilla returns it bare
			require.True(t, ok, "%v", err)
			require.Equal(t, contracts.CloseFlooding, ce.Code)
			require.Regexp(t, `^flooding retry-after-ms=\d+$`, ce.Text)
			break
		}
		if bytes.Contains(text, []byte("rate_limited")) {
			refused++
		}
	}
	h.eventually(func() bool { return len(h.queue.published()) == 5 }, "what was allowed is sent")
	require.LessOrEqual(t, refused, 10)
}

func TestFrameTooLarge(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	c.write(`{"type":"ping","data":{"x":"` + strings.Repeat("x", 60<<10) + `"}}`)
	c.expect(contracts.FramePong, nil)
	c.write(`{"type":"ping","data":{"x":"` + strings.Repeat("x", 64<<10) + `"}}`)
	ce := c.closed()
	require.Equal(t, websocket.CloseMessageTooBig, ce.Code)
	require.Equal(t, "too-large", ce.Text)
}

func TestClientCloses(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	require.NoError(t, c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")))
	require.Equal(t, websocket.CloseNormalClosure, c.closed().Code)
	h.eventually(func() bool { return h.sessions.count() == 0 }, "removed")
}

// lazyConn takes a few bytes a write, and then lets the deadline pass.
type lazyConn struct {
	net.Conn
	got     []byte
	refuses bool
}

func (l *lazyConn) SetWriteDeadline(time.Time) error { return nil }

func (l *lazyConn) Write(p []byte) (int, error) {
	if l.refuses {
		return 0, os.ErrDeadlineExceeded
	}
	n := min(7, len(p))
	l.got = append(l.got, p[:n]...)
	if n < len(p) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

// TestSendGoesOn: a deadline in the middle of a frame neither repeats nor loses bytes.
func TestSendGoesOn(t *testing.T) {
	lazy := &lazyConn{}
	c := &conn{g: &Gateway{cfg: DefaultConfig()}, tcp: lazy}
	text := []byte(strings.Repeat("0123456789", 10))
	require.NoError(t, c.send(text))
	require.Equal(t, text, lazy.got)
	lazy.refuses = true
	c.closing.Store(time.Now().UnixMilli())
	require.ErrorIs(t, c.send(text), os.ErrDeadlineExceeded, "a closing socket is given up in time")
}

// A flood whose frames are let through now and then is a flood.
func TestFloodingWithPauses(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) {
		c.Rates.FramesPerSecond, c.Rates.FramesBurst, c.Rates.FloodFrames = 100, 5, 20
	})
	c := h.dial("7:a", "")
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tick := time.NewTicker(2 * time.Millisecond) // five times the limit
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if c.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping","data":{}}`)) != nil {
					return
				}
			}
		}
	}()
	require.Equal(t, contracts.CloseFlooding, c.closed().Code)
}
