package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

func TestBadFrames(t *testing.T) {
	h := start(t)
	send := func(data string) string { return `{"type":"send-message","data":` + data + `}` }
	tests := []struct {
		name, frame string
		typ         string
		code        contracts.Code
		ref         string
	}{
		{"not JSON", `hello`, "error", "invalid_argument", ""},
		{"trailing garbage", `{"type":"ping","data":{}} x`, "error", "invalid_argument", ""},
		{"twice", `{"type":"ping","type":"ping"}`, "error", "invalid_argument", ""},
		{"array", `[]`, "error", "invalid_argument", ""},
		{"no type", `{"data":{}}`, "error", "invalid_argument", ""},
		{"type is a number", `{"type":5}`, "error", "invalid_argument", ""},
		{"unknown type", `{"type":"dance"}`, "error", "invalid_argument", "dance"},
		{"too deep", `{"type":"ping","data":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, "error", "invalid_argument", ""},
		{"send without data", `{"type":"send-message"}`, "error", "invalid_argument", "send-message"},
		{"send without id", send(`{"receiverId":"8","content":"x","messageType":"text"}`), "error", "invalid_argument", ""},
		{"send with a bad id", send(`{"receiverId":"8","content":"x","messageType":"text","tempMessageId":"a b"}`), "error", "invalid_argument", "a b"},
		{"send with a number as id", send(`{"receiverId":"8","content":"x","messageType":"text","tempMessageId":5}`), "error", "invalid_argument", ""},
		{"no target", send(`{"content":"x","messageType":"text","tempMessageId":"m"}`), "message-rejected", "invalid_argument", "m"},
		{"two targets", send(`{"conversationId":"world","receiverId":"8","content":"x","messageType":"text","tempMessageId":"m"}`), "message-rejected", "invalid_argument", "m"},
		{"to oneself", send(`{"receiverId":"7","content":"x","messageType":"text","tempMessageId":"m"}`), "message-rejected", "invalid_argument", "m"},
		{"receiver no id", send(`{"receiverId":"0x8","content":"x","messageType":"text","tempMessageId":"m"}`), "message-rejected", "invalid_argument", "m"},
		{"receiver a number", send(`{"receiverId":8,"content":"x","messageType":"text","tempMessageId":"m"}`), "message-rejected", "invalid_argument", "m"},
		{"empty content", send(`{"receiverId":"8","content":"","messageType":"text","tempMessageId":"m"}`), "message-rejected", "invalid_argument", "m"},
		{"long content", send(`{"receiverId":"8","content":"` + strings.Repeat("x", 8193) + `","messageType":"text","tempMessageId":"m"}`), "message-rejected", "invalid_argument", "m"},
		{"system", send(`{"receiverId":"8","content":"x","messageType":"system","tempMessageId":"m"}`), "message-rejected", "invalid_argument", "m"},
		{"no such conversation", send(`{"conversationId":"single_x","content":"x","messageType":"text","tempMessageId":"m"}`), "message-rejected", "not_found", "m"},
		{"duplicate member", send(`{"tempMessageId":"m","content":"x","content":"y"}`), "error", "invalid_argument", "m"},
		{"read without a number", `{"type":"read","data":{"conversationId":"world"}}`, "error", "invalid_argument", "read"},
		{"read of a fraction", `{"type":"read","data":{"conversationId":"world","seqId":1.5}}`, "error", "invalid_argument", "read"},
		{"typing nowhere", `{"type":"typing","data":{"conversationId":"here"}}`, "error", "invalid_argument", "typing"},
	}
	c := h.dial("7:a", "")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.write(tt.frame)
			f := c.next()
			require.Equal(t, tt.typ, f.Type, "%s", f.Data)
			var d struct {
				Code               contracts.Code
				Message            string
				Ref, TempMessageID string
			}
			require.NoError(t, json.Unmarshal(f.Data, &d))
			require.Equal(t, tt.code, d.Code)
			require.Equal(t, tt.ref, d.Ref+d.TempMessageID)
			require.NotEmpty(t, d.Message)
			if tt.code == contracts.CodeInvalidArgument {
				require.NotEqual(t, contracts.NewError(tt.code, "").Message, d.Message, "a frame has no fields: the sentence says what is wrong")
			}
		})
	}
	require.NoError(t, c.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping"}`)))
	c.expect(contracts.FrameError, nil)
	require.NoError(t, c.WriteMessage(websocket.TextMessage, []byte("{\"type\":\"ping\",\"data\":\"\xff\"}")))
	c.expect(contracts.FrameError, nil)
	require.Empty(t, h.queue.published())
	require.Empty(t, c.barrier(), "the socket still works")
}

func TestSendIsTakenAsItIs(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	c.write(`{ "data" : {"x":[1,{"y":null}], "conversationId":null,"receiverId":"8", "content":"a\"\u00e9\ud83d\ude00\n","messageType":"custom","tempMessageId":"m.1:2_3-4"} , "type":"send-message", "extra":true }`)
	c.expect(contracts.FrameAck, nil)
	up := h.queue.published()[0]
	require.Equal(t, "a\"é😀\n", up.GetContent())
	require.Equal(t, "custom", up.GetMessageType())
}

// TestPingWithoutData: what clients of several languages make of an empty object.
func TestPingWithoutData(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	for _, frame := range []string{`{"type":"ping","data":{}}`, `{"type":"ping"}`, `{"type":"ping","data":null}`} {
		c.write(frame)
		c.expect(contracts.FramePong, nil)
	}
	c.write(`{"type":"ping","data":[]}`)
	c.expect(contracts.FrameError, nil)
}
