package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestWayToTheSocketIsMeasured for pushes of what was stored just now.
func TestWayToTheSocketIsMeasured(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	push := func(seq uint64, accepted int64) {
		h.deliver(&pb.Delivery{
			UserIds: []int64{7}, Frame: contracts.EncodeFrame(contracts.FrameNew, contracts.NewMessageData(&pb.Message{SeqId: seq, ConversationId: "world"})),
			ConversationId: "world", SeqId: seq, AcceptedAt: accepted,
		})
		require.Equal(t, contracts.FrameNew, c.next().Type)
	}
	written := func() (n uint64, sum float64) {
		families, err := h.gw.deps.Gatherer.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "gochat_gateway_accepted_to_written_seconds" {
				m := f.GetMetric()[0].GetHistogram()
				return m.GetSampleCount(), m.GetSampleSum()
			}
		}
		return 0, 0
	}
	push(1, 0)
	push(2, time.Now().Add(-time.Hour).UnixMilli())
	push(3, time.Now().Add(time.Hour).UnixMilli()) // the other gateway's clock is ahead
	h.eventually(func() bool { n, _ := written(); return n == 2 }, "two are measured")
	_, sum := written()
	require.InDelta(t, 3600, sum, 60)
}

// TestSocketsAndUsersAreCounted: two sockets of one user are one user.
func TestSocketsAndUsersAreCounted(t *testing.T) {
	h := start(t)
	count := func(name string) float64 {
		families, err := h.gw.deps.Gatherer.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == name {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return -1
	}
	h.dial("7:a", "")
	h.dial("7:b", "")
	h.dial("8:a", "")
	h.eventually(func() bool { return count("gochat_gateway_connections") == 3 }, "three sockets")
	require.InDelta(t, 2, count("gochat_gateway_users"), 0)
}
