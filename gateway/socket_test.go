package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestHello(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "&deviceId=phone")
	require.Equal(t, "7", c.hello.UserID)
	require.Equal(t, h.gw.ID(), c.hello.GatewayID)
	require.Equal(t, int64(25000), c.hello.PingInterval)
	require.NotZero(t, c.hello.ServerTime)
	require.Equal(t, "epoch-1", c.hello.Epoch)
	h.sessions.mu.Lock()
	s := h.sessions.sessions[c.hello.ConnectionID]
	h.sessions.mu.Unlock()
	require.NotNil(t, s, "the session must be known before hello")
	require.Equal(t, "phone", s.GetDeviceId())
	require.NoError(t, c.Close())
	h.eventually(func() bool { return h.sessions.count() == 0 && h.gw.hub.len() == 0 }, "the session is removed")
}

func TestHandshake(t *testing.T) {
	h := start(t)
	bearer := http.Header{"Authorization": {"Bearer 7:a"}}
	tests := []struct {
		name      string
		query     string
		header    http.Header
		protocols []string
		status    int
	}{
		{name: "query", query: "?token=7:a", status: 101},
		{name: "authorization", header: bearer, status: 101},
		{name: "subprotocol", protocols: []string{"gochat.v1", "7:a"}, status: 101},
		{name: "no token", status: 401},
		{name: "bad token", query: "?token=nonsense", status: 401},
		{name: "subprotocol without ours", protocols: []string{"other", "7:a"}, status: 401},
		{name: "own origin", query: "?token=7:a", header: http.Header{"Origin": {"http://" + h.addr}}, status: 101},
		{name: "foreign origin", query: "?token=7:a", header: http.Header{"Origin": {"http://evil.example"}}, status: 403},
		{name: "null origin", query: "?token=7:a", header: http.Header{"Origin": {"null"}}, status: 403},
		{name: "long device", query: "?token=7:a&deviceId=" + strings.Repeat("d", 65), status: 400},
		{name: "device not UTF-8", query: "?token=7:a&deviceId=%ff", status: 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ws, resp, err := h.try(tt.query, tt.header, tt.protocols...)
			if tt.status != 101 {
				require.ErrorIs(t, err, websocket.ErrBadHandshake)
				require.Equal(t, tt.status, resp.StatusCode)
				require.NotEmpty(t, resp.Header.Get("X-Trace-Id"))
				var e errorView
				require.NoError(t, json.NewDecoder(resp.Body).Decode(&e))
				require.Equal(t, resp.Header.Get("X-Trace-Id"), e.Error.TraceID)
				return
			}
			require.NoError(t, err)
			defer ws.Close()
			if tt.protocols != nil {
				require.Equal(t, contracts.SubprotocolV1, ws.Subprotocol())
			}
			require.NoError(t, ws.SetReadDeadline(time.Now().Add(patience)))
			_, text, err := ws.ReadMessage()
			require.NoError(t, err)
			require.Contains(t, string(text), `"hello"`)
		})
	}
	r := h.call("GET", "/ws?token=7:a", "", "")
	require.Equal(t, 400, r.status, "a request without an upgrade")
	require.Equal(t, contracts.CodeInvalidArgument, r.err.Code)
}

func TestAckOnlyAfterPublish(t *testing.T) {
	h := start(t)
	hold := make(chan struct{})
	h.queue.set(hold, nil)
	c := h.dial("7:a", "")
	const n = 20
	for i := range n {
		c.send(contracts.FrameSend, contracts.SendData{ReceiverID: "8", Content: "hi", MessageType: "text", TempMessageID: fmt.Sprint("m", i)})
	}
	require.Empty(t, c.barrier(), "nothing is acknowledged before the queue has it")
	close(hold)
	for i := range n {
		var a contracts.AckData
		c.expect(contracts.FrameAck, &a)
		require.Equal(t, contracts.AckData{TempMessageID: fmt.Sprint("m", i), MessageID: fmt.Sprint("m", i), Status: "accepted"}, a)
	}
	for i, up := range h.queue.published() {
		require.Equal(t, fmt.Sprint("m", i), up.GetTempMessageId(), "order")
		require.Equal(t, string(contracts.SingleConversation(7, 8)), up.GetConversationId())
		require.Equal(t, int64(8), up.GetReceiverId())
		require.Equal(t, int64(7), up.GetSenderId())
		require.NotZero(t, up.GetAcceptedAt())
	}
	require.LessOrEqual(t, len(h.queue.batch), 3, "what waits goes together")
}

func TestPublishFailure(t *testing.T) {
	h := start(t)
	h.queue.set(nil, errors.New("disk full"))
	c := h.dial("7:a", "")
	c.send(contracts.FrameSend, contracts.SendData{ConversationID: "world", Content: "hi", MessageType: "text", TempMessageID: "m"})
	var e contracts.ErrorData
	c.expect(contracts.FrameError, &e)
	require.Equal(t, contracts.CodeUnavailable, e.Code)
	require.Equal(t, "m", e.Ref)
	require.NotContains(t, e.Message, "disk")
}

func TestPublishTimeout(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.PublishTimeout = 20 * time.Millisecond })
	hold := make(chan struct{})
	h.queue.set(hold, nil)
	c := h.dial("7:a", "")
	for _, id := range []string{"a", "b"} {
		c.send(contracts.FrameSend, contracts.SendData{ConversationID: "world", Content: "hi", MessageType: "text", TempMessageID: id})
		if id == "a" {
			var e contracts.ErrorData
			c.expect(contracts.FrameError, &e)
			require.Equal(t, contracts.CodeUnavailable, e.Code)
		}
	}
	close(hold)
	c.expect(contracts.FrameAck, nil)
	ups := h.queue.published()
	require.Len(t, ups, 2)
	require.Equal(t, "a", ups[0].GetTempMessageId(), "nothing overtakes what was slow")
}

// TestUnackedBound: a socket whose sends are not confirmed is not read any further.
func TestUnackedBound(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.UnackedSends = 4 })
	hold := make(chan struct{})
	h.queue.set(hold, nil)
	c := h.dial("7:a", "")
	for i := range 10 {
		c.send(contracts.FrameSend, contracts.SendData{ConversationID: "world", Content: "hi", MessageType: "text", TempMessageID: fmt.Sprint(i)})
	}
	c.write(`{"type":"ping","data":{}}`)
	socket := h.gw.hub.all()[0]
	// The fifth is read, and waits until one of the four is confirmed. Between two sends the silence would count.
	h.eventually(func() bool {
		return testutil.ToFloat64(h.gw.metrics.framesIn[contracts.FrameSend]) == 5 && socket.seen.Load() == math.MaxInt64
	}, "four are not confirmed and the fifth waits")
	require.Len(t, socket.unacked, 4)
	socket.look(time.Now().Add(time.Hour / 2).UnixMilli())
	close(hold)
	acks := 0
	for range 11 {
		if c.next().Type == contracts.FrameAck {
			acks++
		}
	}
	require.Equal(t, 10, acks)
}

func TestReadAndTyping(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	c.write(`{"type":"read","data":{"conversationId":"world","seqId":12}}`)
	for range 3 {
		c.write(`{"type":"typing","data":{"conversationId":"world"}}`)
	}
	c.write(`{"type":"typing","data":{"conversationId":"group_5"}}`)
	require.Empty(t, c.barrier())
	read, _ := last[*pb.ReadRequest](h.logic)
	require.Equal(t, int64(7), read.GetCallerId())
	require.Equal(t, uint64(12), read.GetSeqId())
	require.Equal(t, c.hello.ConnectionID, read.GetConnectionId())
	typing, n := last[*pb.TypingRequest](h.logic)
	require.Equal(t, 2, n, "one a second for each conversation")
	require.Equal(t, "group_5", typing.GetConversationId())
	h.logic.mu.Lock()
	h.logic.onCall = func(any) error { return contracts.NewError(contracts.CodeNotFound, "").GRPCStatus().Err() }
	h.logic.mu.Unlock()
	c.write(`{"type":"read","data":{"conversationId":"group_6","seqId":1}}`)
	var e contracts.ErrorData
	c.expect(contracts.FrameError, &e)
	require.Equal(t, contracts.ErrorData{Code: "not_found", Message: contracts.CodeNotFound.Spec().Message, Ref: "read"}, e)
}

func TestPanicIsOneFramesOnly(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	h.logic.mu.Lock()
	h.logic.onCall = func(any) error { panic("boom") }
	h.logic.mu.Unlock()
	c.write(`{"type":"typing","data":{"conversationId":"world"}}`)
	var e contracts.ErrorData
	c.expect(contracts.FrameError, &e)
	require.Equal(t, contracts.CodeInternal, e.Code)
	require.Empty(t, c.barrier())
}

// TestSubprotocolsInTwoLines: a list in two lines is the one with a comma.
func TestSubprotocolsInTwoLines(t *testing.T) {
	h := start(t)
	for _, lines := range [][]string{{"gochat.v1, 7:a"}, {"gochat.v1", "7:a"}} {
		ws, resp, err := h.try("", http.Header{"Sec-Websocket-Protocol": lines})
		require.NoError(t, err, lines)
		require.Equal(t, "gochat.v1", resp.Header.Get("Sec-WebSocket-Protocol"))
		require.NoError(t, ws.Close())
	}
	_, resp, err := h.try("", http.Header{"Sec-Websocket-Protocol": {"gochat.v1"}})
	require.Error(t, err)
	require.Equal(t, 401, resp.StatusCode)
}
