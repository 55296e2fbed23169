package cli

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/gochat/gochat/routers"
	"github.com/gochat/gochat/tests/client"
)

// talk has one user send another one a message over sockets, and returns when it was received.
func talk(t *testing.T, address string) {
	t.Helper()
	s := client.New("http://" + address)
	defer s.Close()
	var socket [2]*websocket.Conn
	var who [2]*client.Account
	for i, name := range []string{"sender", "receiver"} {
		var err error
		who[i], err = s.Register(t.Context(), name, "a long password")
		require.NoError(t, err)
		socket[i], err = who[i].Dial(t.Context(), websocket.DefaultDialer, "")
		require.NoError(t, err)
		defer func() { _ = socket[i].Close() }()
		await(t, socket[i], "hello")
	}
	require.NoError(t, socket[0].WriteJSON(map[string]any{"type": "send-message", "data": map[string]string{
		"receiverId": who[1].UserID, "content": "hello", "messageType": "text", "tempMessageId": "t1",
	}}))
	await(t, socket[1], "new-message")
	await(t, socket[0], "message-stored")
}

func await(t *testing.T, socket *websocket.Conn, typ string) {
	t.Helper()
	for {
		var f struct {
			Type string `json:"type"`
		}
		require.NoError(t, socket.ReadJSON(&f))
		if f.Type == typ {
			return
		}
	}
}

// way returns the names of the spans from the root to a span.
func way(spans []*otlp.Span, of *otlp.Span) string {
	names := []string{of.GetName()}
	for len(of.GetParentSpanId()) > 0 {
		var parent *otlp.Span
		for _, s := range spans {
			if string(s.GetSpanId()) == string(of.GetParentSpanId()) {
				parent = s
			}
		}
		if parent == nil {
			return "(lost) > " + strings.Join(names, " > ")
		}
		of, names = parent, append([]string{parent.GetName()}, names...)
	}
	return strings.Join(names, " > ")
}

// TestOneTraceFromTheSendersFrameToTheReceivers: one trace has spans of the queue, every stage, calls,
// the database, the outbox and, if the tests have one, Redis.
func TestOneTraceFromTheSendersFrameToTheReceivers(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	redis := os.Getenv("GOCHAT_TEST_REDIS_ADDR")
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			got, address := receive(t, protocol)
			args := []string{
				"--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0",
				"--trace-endpoint", address, "--trace-protocol", protocol, "--trace-sampling", "1",
			}
			if redis != "" {
				args = append(args, "--kv-addrs", redis, "--kv-db", "4")
			}
			p := launch(t, args...)
			talk(t, p.address(t))
			const run = "send-message > send im-upstream-topic > process im-upstream-topic"
			want := []string{
				"send-message", "send-message > send im-upstream-topic", run, run + " > deliver > send outbox",
				run + " > persist > gochat.v1.MessageRepo/SaveMessages > save messages",
				run + " > new-message", run + " > message-stored",
			}
			for _, stage := range (routers.Pipeline{}).Stages(routers.DefaultConfig()) {
				want = append(want, run+" > "+stage.Name)
			}
			var ways []string
			require.Eventually(t, func() bool {
				ways = nil
				spans := got.all()
				var id string
				for _, s := range spans {
					if s.GetName() == "send-message" {
						id = hex.EncodeToString(s.GetTraceId())
					}
				}
				for _, s := range spans {
					if hex.EncodeToString(s.GetTraceId()) == id {
						ways = append(ways, way(spans, s))
					}
				}
				for _, w := range want {
					if !slices.Contains(ways, w) {
						return false
					}
				}
				return true
			}, ending, tickOfTraces, "%v", &ways)
			cache := false
			for _, s := range got.all() {
				for _, a := range s.GetAttributes() {
					cache = cache || a.GetKey() == "db.system.name" && a.GetValue().GetStringValue() == "redis" &&
						strings.HasPrefix(way(got.all(), s), run)
				}
			}
			assert.Equal(t, redis != "", cache, "a command to Redis: %v", ways)
			assert.Equal(t, map[string]bool{"gochat": true}, got.services)
		})
	}
}

// TestFailuresAreTracedWhateverTheShare: with a sampling of 0, failures are traced and successes are not.
func TestFailuresAreTracedWhateverTheShare(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	got, address := receive(t, "grpc")
	dir := filepath.Join(t.TempDir(), "data")
	p := launch(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0", "--gateway-send-timeout", "1s",
		"--db-busy-timeout", "100ms", "--router-retry-pause", "1ms", "--router-retry-pause-max", "1ms",
		"--trace-endpoint", address, "--trace-sampling", "0")
	talk(t, p.address(t))
	token := register(t, p.address(t))
	unlock := lockDatabase(t, dir)
	id, err := send(t.Context(), p.address(t), token)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		names := map[string]bool{}
		for _, s := range got.all() {
			if hex.EncodeToString(s.GetTraceId()) == id {
				names[s.GetName()] = true
			}
		}
		return names["POST /api/messages"] && names["send-message"] && names["process im-upstream-topic"]
	}, ending, tickOfTraces)
	unlock()
	// A registration may also have failed and have been retried, which makes another trace.
	failed, names := map[string]bool{}, map[string]string{}
	for _, s := range got.all() {
		id := hex.EncodeToString(s.GetTraceId())
		failed[id] = failed[id] || s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR
		names[id] += s.GetName() + "; "
	}
	for id, spans := range names {
		assert.True(t, failed[id], "trace %s of what went well: %s", id, spans)
	}
}
