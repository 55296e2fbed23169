package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestRefusalsAreFoundInTheLog: at the level debug, a refused call is found by the trace id that the client saw, a
// refused frame by the user and the tempMessageId. At higher levels neither is logged.
func TestRefusalsAreFoundInTheLog(t *testing.T) {
	for _, level := range []zapcore.Level{zap.DebugLevel, zap.InfoLevel} {
		core, logs := observer.New(level)
		h := start(t, func(_ *Config, d *Deps) { d.Log = zap.New(core) })
		r := h.call("GET", "/api/conversations/nowhere/messages", "7:a", "")
		require.Equal(t, 404, r.status)
		c := h.dial("7:a", "")
		c.write(`{"type":"send-message","data":{"conversationId":"single_x","content":"secret","messageType":"text","tempMessageId":"m-1"}}`)
		c.expect("message-rejected", nil)
		c.write(`{"type":"dance"}`)
		c.expect("error", nil)

		calls := logs.FilterMessage("an HTTP request was refused").All()
		frames := logs.FilterMessage("a frame was refused").All()
		if level > zap.DebugLevel {
			require.Empty(t, calls)
			require.Empty(t, frames)
			continue
		}
		require.Len(t, calls, 1)
		said := calls[0].ContextMap()
		delete(said, "gateway")
		require.Equal(t, map[string]any{
			"method": "GET", "route": "/api/conversations/:id/messages", "status": int64(404), "code": "not_found",
			"why": r.err.Message, "trace_id": r.header.Get("X-Trace-Id"), "request_id": r.header.Get("X-Trace-Id"), "user_id": int64(7),
		}, said)
		require.Len(t, frames, 2)
		for i, want := range []struct{ ref, code string }{{"m-1", "not_found"}, {"", "invalid_argument"}} {
			said := frames[i].ContextMap()
			require.Equal(t, int64(7), said["user_id"])
			require.NotEmpty(t, said["request_id"])
			require.Equal(t, want.ref, said["ref"])
			require.Equal(t, want.code, said["code"])
			require.NotEmpty(t, said["why"])
		}
	}
}
