package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's own: one ends within 10 s of its server, one lives with the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// patience is how long a test waits for what must come.
const patience = time.Minute

// gate is a transport whose publisher can be held or made to fail.
type gate struct {
	mq.Transport
	mu     sync.Mutex
	hold   chan struct{} // nil lets through
	fail   error
	batch  []int
	sends  []*pb.Upstream
	onSend func(m *message.Message, up *pb.Upstream)
	sink   func(msgs []*message.Message) // instead of all the rest
	// elsewhere takes records for other gateways; nil: there are none.
	elsewhere func(topic string, msgs []*message.Message) error
}

func (g *gate) Publisher() message.Publisher { return gatePublisher{g} }

type gatePublisher struct{ g *gate }

func (p gatePublisher) Close() error { return nil }

func (p gatePublisher) Publish(topic string, msgs ...*message.Message) error {
	g := p.g
	if g.elsewhere != nil && strings.HasPrefix(topic, contracts.TopicDownstream("other")) {
		return g.elsewhere(topic, msgs)
	}
	if topic != contracts.TopicUpstream {
		return g.Transport.Publisher().Publish(topic, msgs...)
	}
	if g.sink != nil {
		g.sink(msgs)
		return nil
	}
	g.mu.Lock()
	hold, fail, on := g.hold, g.fail, g.onSend
	g.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if fail != nil {
		return fail
	}
	g.mu.Lock()
	g.batch = append(g.batch, len(msgs))
	ups := make([]*pb.Upstream, len(msgs))
	for i, m := range msgs {
		ups[i] = &pb.Upstream{}
		if err := proto.Unmarshal(m.Payload, ups[i]); err != nil {
			panic(err)
		}
	}
	g.sends = append(g.sends, ups...)
	g.mu.Unlock()
	if on != nil {
		for i, m := range msgs {
			on(m, ups[i])
		}
	}
	return nil
}

func (g *gate) published() []*pb.Upstream {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*pb.Upstream(nil), g.sends...)
}

func (g *gate) set(hold chan struct{}, fail error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold, g.fail = hold, fail
}

type harness struct {
	t        testing.TB
	gw       *Gateway
	logic    *fakeLogic
	sessions *fakeSessions
	personal *fakePersonal
	queue    *gate
	addr     string
	stop     func()
	done     chan error
}

// start runs a gateway on a loopback port until the test ends.
func start(t testing.TB, change ...func(*Config, *Deps)) *harness {
	t.Helper()
	return startAs(t, func(ln net.Listener) net.Listener { return ln }, change...)
}

// startAs is start with a listener that the gateway sees in place of the port's.
func startAs(t testing.TB, seen func(net.Listener) net.Listener, change ...func(*Config, *Deps)) *harness {
	t.Helper()
	transport, err := channel.Open(zap.NewNop())
	require.NoError(t, err)
	h := &harness{t: t, logic: newFakeLogic(), sessions: newFakeSessions(), personal: newFakePersonal(), queue: &gate{Transport: transport}, done: make(chan error, 1)}
	reg := prometheus.NewRegistry()
	cfg := DefaultConfig()
	cfg.CloseGrace = time.Second
	deps := Deps{
		Auth: h.logic, Users: h.logic, Conversations: h.logic, Messages: h.logic, Groups: h.logic, Search: h.logic, Sessions: h.sessions, Store: h.logic,
		Devices: h.personal, DeviceNotes: h.personal, Receipts: h.personal, Presence: h.personal, Present: h.personal,
		Transport: h.queue, Log: zap.NewNop(), Metrics: reg, Gatherer: reg,
	}
	for _, c := range change {
		c(&cfg, &deps)
	}
	h.gw, err = New(cfg, deps)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	go func() {
		err := h.gw.Serve(ctx, seen(ln))
		h.done <- err
		h.done <- err
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-h.done:
			require.NoError(t, err)
		case <-time.After(2 * patience):
			t.Error("the gateway does not stop")
		}
		require.NoError(t, transport.Close())
	})
	h.eventually(func() bool { return h.sessions.ready(h.gw.ID()) }, "ready")
	return h
}

func (h *harness) eventually(ok func() bool, what string) {
	h.t.Helper()
	require.Eventually(h.t, ok, patience, 2*time.Millisecond, what)
}

// deliver publishes deliveries to the gateway, as the pipeline does.
func (h *harness) deliver(ds ...*pb.Delivery) {
	h.t.Helper()
	payload, err := proto.Marshal(&pb.Downstream{Deliveries: ds})
	require.NoError(h.t, err)
	h.publish(h.gw.ID(), payload)
}

type client struct {
	t testing.TB
	*websocket.Conn
	hello contracts.HelloData
}

// dial opens a socket for a token; query is appended to the address.
func (h *harness) dial(token, query string) *client {
	h.t.Helper()
	ws, resp, err := h.try("?token="+url.QueryEscape(token)+query, nil)
	require.NoError(h.t, err)
	_ = resp.Body.Close()
	c := &client{t: h.t, Conn: ws}
	h.t.Cleanup(func() { _ = ws.Close() })
	c.expect(contracts.FrameHello, &c.hello)
	return c
}

func (h *harness) try(query string, header http.Header, protocols ...string) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: patience, NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(4096)
		}
		return c, err
	}}
	return d.Dial("ws://"+h.addr+"/ws"+query, header)
}

func (c *client) write(text string) {
	c.t.Helper()
	require.NoError(c.t, c.WriteMessage(websocket.TextMessage, []byte(text)))
}

func (c *client) send(typ string, data any) {
	c.t.Helper()
	c.write(string(contracts.EncodeFrame(typ, data)))
}

func (c *client) next() contracts.Frame {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	_, text, err := c.ReadMessage()
	require.NoError(c.t, err)
	var f contracts.Frame
	require.NoError(c.t, json.Unmarshal(text, &f), "%s", text)
	return f
}

func (c *client) expect(typ string, data any) {
	c.t.Helper()
	f := c.next()
	require.Equal(c.t, typ, f.Type, "%s", f.Data)
	if data != nil {
		require.NoError(c.t, json.Unmarshal(f.Data, data))
	}
}

// closed reads until the socket ends and returns how.
func (c *client) closed() *websocket.CloseError {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	ce, err := c.ended()
	require.NotNil(c.t, ce, "the socket ended without a close frame: %v", err)
	return ce
}

// closes returns how many sockets the server has closed with a code.
func (h *harness) closes(code int) float64 {
	h.t.Helper()
	families, err := h.gw.deps.Gatherer.Gather()
	require.NoError(h.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "gochat_gateway_closes_total" && m.GetLabel()[0].GetValue() == strconv.Itoa(code) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// tooSlow returns when the server has closed the socket as too slow. Where the buffers
// are full the close frame may not get through, and the socket ends without one: clients
// take that for the same.
func (c *client) tooSlow(h *harness) (ce *websocket.CloseError) {
	c.t.Helper()
	h.eventually(func() bool {
		return h.closes(contracts.CloseTooSlow) == 1
	}, "the server closes it as too slow")
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	ce, err := c.ended()
	var timeout net.Error
	require.False(c.t, errors.As(err, &timeout) && timeout.Timeout(), "the socket does not end")
	if ce != nil {
		require.Equal(c.t, contracts.CloseTooSlow, ce.Code)
	}
	return ce
}

// ended reads to the end of the socket: its close frame, or the error instead of one.
func (c *client) ended() (*websocket.CloseError, error) {
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		var ce *websocket.CloseError
		if errors.As(err, &ce) && ce.Code != websocket.CloseAbnormalClosure {
			return ce, nil
		}
		return nil, err
	}
}

// barrier returns when everything that the gateway had for this socket has come.
func (c *client) barrier() (frames []contracts.Frame) {
	c.t.Helper()
	c.write(`{"type":"ping","data":{}}`)
	for {
		f := c.next()
		if f.Type == contracts.FramePong {
			return frames
		}
		frames = append(frames, f)
	}
}

type response struct {
	status int
	header http.Header
	body   string
	err    struct {
		Code    contracts.Code    `json:"code"`
		Message string            `json:"message"`
		TraceID string            `json:"traceId"`
		Fields  map[string]string `json:"fields"`
	}
}

func (h *harness) call(method, path, token, body string) response {
	h.t.Helper()
	req, err := http.NewRequest(method, "http://"+h.addr+path, strings.NewReader(body))
	require.NoError(h.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return h.do(req)
}

// do makes a request over a connection of its own.
func (h *harness) do(req *http.Request) response {
	h.t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(h.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(h.t, err)
	r := response{status: resp.StatusCode, header: resp.Header, body: string(text)}
	if r.status >= 400 && len(text) > 0 && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		var e struct{ Error any }
		e.Error = &r.err
		require.NoError(h.t, json.Unmarshal(text, &e))
	}
	return r
}

func (h *harness) publishRaw(payload []byte) {
	h.t.Helper()
	h.publish(h.gw.ID(), payload)
}

func decode(t testing.TB, payload []byte) *pb.Downstream {
	t.Helper()
	var d pb.Downstream
	require.NoError(t, proto.Unmarshal(payload, &d))
	return &d
}

func unmarshal(f contracts.Frame, to any) error { return json.Unmarshal(f.Data, to) }

// publish puts a record for a gateway on this gateway's topic.
func (h *harness) publish(to string, payload []byte) {
	h.t.Helper()
	msg := message.NewMessage("d", payload)
	msg.Metadata = message.Metadata{mq.KeyMetadata: to}
	require.NoError(h.t, h.queue.Transport.Publisher().Publish(contracts.TopicDownstream(h.gw.ID()), msg))
}
