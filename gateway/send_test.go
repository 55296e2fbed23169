package gateway

import (
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// pipeline answers sends as the message role does.
func (h *harness) pipeline(reply func(up *pb.Upstream) []byte) {
	h.queue.onSend = func(m *message.Message, up *pb.Upstream) {
		if frame := reply(up); frame != nil {
			h.deliver(&pb.Delivery{OnlyConnectionId: m.Metadata[contracts.MetaOriginConnection], Frame: frame})
		}
	}
}

func TestSendOverHTTP(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.SendTimeout = 500 * time.Millisecond })
	h.pipeline(func(up *pb.Upstream) []byte {
		switch up.GetTempMessageId() {
		case "silence":
			return nil
		case "refused":
			return contracts.EncodeFrame(contracts.FrameRejected, contracts.RejectedData{Code: contracts.CodeNotFound, Message: "No."})
		}
		return contracts.EncodeFrame(contracts.FrameStored, contracts.StoredData{
			TempMessageID: up.GetTempMessageId(), MessageID: "5", ConversationID: up.GetConversationId(), SeqID: 1, Timestamp: 2,
		})
	})
	send := func(id string) response {
		return h.call("POST", "/api/messages", "7:a", `{"receiverId":"8","content":"x","messageType":"text","tempMessageId":"`+id+`"}`)
	}
	r := send("m")
	require.Equal(t, 200, r.status, r.body)
	require.JSONEq(t, `{"tempMessageId":"m","messageId":"5","conversationId":"`+string(contracts.SingleConversation(7, 8))+`","seqId":1,"timestamp":2}`, r.body)
	r = send("refused")
	require.Equal(t, 404, r.status)
	require.Equal(t, contracts.CodeNotFound, r.err.Code)
	r = send("silence")
	require.Equal(t, 503, r.status)
	require.Equal(t, contracts.CodeUnavailable, r.err.Code)
	h.queue.set(nil, errors.New("down"))
	require.Equal(t, 503, send("x").status)
	require.Empty(t, h.gw.hub.waiters)
}
