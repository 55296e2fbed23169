package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
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
