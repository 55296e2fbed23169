package gateway

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestDrainLosesNothing(t *testing.T) {
	h := start(t)
	hold := make(chan struct{})
	h.queue.set(hold, nil)
	const sockets, sends = 20, 5
	clients := make([]*client, sockets)
	for i := range clients {
		clients[i] = h.dial(fmt.Sprintf("%d:a", i+1), "")
		for m := range sends {
			clients[i].send(contracts.FrameSend, contracts.SendData{ConversationID: "world", Content: "x", MessageType: "text", TempMessageID: fmt.Sprint(m)})
		}
	}
	h.eventually(func() bool {
		n := 0
		for _, c := range h.gw.hub.all() {
			n += len(c.unacked)
		}
		return n == sockets*sends
	}, "all are read")
	h.stop()
	h.eventually(h.gw.draining.Load, "draining")
	time.Sleep(100 * time.Millisecond) // longer than the closing of all would take
	for _, c := range h.gw.hub.all() {
		require.Zero(t, c.closing.Load(), "nobody is closed while sends are open")
	}
	close(hold)

	delay := regexp.MustCompile(`^restarting retry-after-ms=(\d+)$`)
	delays := map[string]bool{}
	for _, c := range clients {
		for range sends {
			c.expect(contracts.FrameAck, nil)
		}
		ce := c.closed()
		require.Equal(t, contracts.CloseServerRestart, ce.Code)
		require.Regexp(t, delay, ce.Text)
		delays[ce.Text] = true
	}
	require.Len(t, delays, sockets, "a delay of its own for each")
	require.NoError(t, <-h.done)
	require.Len(t, h.queue.published(), sockets*sends)
	require.Equal(t, []string{h.gw.ID()}, h.sessions.left)
	require.Error(t, h.queue.Transport.Publisher().Publish(contracts.TopicDownstream(h.gw.ID()), message.NewMessage("d", nil)), "its topic is gone")
}

// TestDrainIsBounded: neither a client that does not answer nor a queue that does not
// confirm holds the stop up.
func TestDrainIsBounded(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.DrainTimeout = 400 * time.Millisecond })
	hold := make(chan struct{})
	h.queue.set(hold, nil)
	defer close(hold)
	c := h.dial("7:a", "")
	c.send(contracts.FrameSend, contracts.SendData{ConversationID: "world", Content: "x", MessageType: "text", TempMessageID: "m"})
	h.eventually(func() bool { return len(h.gw.hub.all()[0].unacked) == 1 }, "read")
	h.stop()
	select {
	case err := <-h.done:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("the drain does not end")
	}
}

func TestDrainRefusesNewcomers(t *testing.T) {
	h := start(t)
	h.gw.draining.Store(true)
	defer h.gw.draining.Store(false)
	r := h.call("GET", "/readyz", "", "")
	require.Equal(t, 503, r.status)
	require.JSONEq(t, `{"status":"down","checks":{"gateway":"down"}}`, r.body)
	h.gw.hub.close()
	_, resp, err := h.try("?token=7:a", nil)
	require.Error(t, err)
	require.Equal(t, 503, resp.StatusCode)
}

func TestServesOnce(t *testing.T) {
	h := start(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorIs(t, h.gw.Serve(context.Background(), ln), ErrServed)
}

func TestStartFailure(t *testing.T) {
	h := start(t)
	cfg := DefaultConfig()
	cfg.StartTimeout = 20 * time.Millisecond
	deps := h.gw.deps
	deps.Metrics, deps.Sessions = prometheusNone(), deafSessions{}
	g, err := New(cfg, deps)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorContains(t, g.Serve(context.Background(), ln), "register gateway")
	_, err = net.Dial("tcp", ln.Addr().String())
	require.Error(t, err, "the listener is closed")
}

// TestFrameIsWholeAfterSlowWrite: a frame that goes out in pieces is not torn by the
// close frame behind it.
func TestFrameIsWholeAfterSlowWrite(t *testing.T) {
	h := start(t, small)
	c := h.dial("7:a", "")
	for i := range uint64(24) {
		h.deliver(bulky("world", i+1))
	}
	h.deliver(&pb.Delivery{UserIds: []int64{7}, Close: &pb.Close{Code: 4001, Reason: "revoked"}})
	require.Equal(t, 4001, c.closed().Code)
}
