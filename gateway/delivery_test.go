package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestClassOfADelivery: the class is the one that the delivery has. Where a worker of an older release did not set it,
// the class follows from the delivery's other fields.
func TestClassOfADelivery(t *testing.T) {
	frame := func(typ string) []byte { return contracts.EncodeFrame(typ, struct{}{}) }
	for name, c := range map[string]struct {
		d    *pb.Delivery
		want class
		typ  string
	}{
		"an event of a type that is newer than this gateway": {contracts.NewDelivery(pb.Delivery_CLASS_EVENT, "dance", struct{}{}), classEvent, "dance"},
		"a control frame for all sockets of a user":          {contracts.NewDelivery(pb.Delivery_CLASS_CONTROL, contracts.FrameTyping, struct{}{}), classControl, "typing"},
		"a push":                   {contracts.NewDelivery(pb.Delivery_CLASS_PUSH, contracts.FrameNew, struct{}{}), classPush, "new-message"},
		"an event with a number":   {&pb.Delivery{Class: pb.Delivery_CLASS_EVENT, ConversationId: "world", SeqId: 1}, classEvent, ""},
		"a type without a frame's": {&pb.Delivery{Class: pb.Delivery_CLASS_EVENT, FrameType: "typing", Frame: frame("read")}, classEvent, "typing"},
		"a class that is newer":    {&pb.Delivery{Class: 77, Frame: frame(contracts.FrameRead)}, classEvent, "read"},

		"unset, a message":                   {&pb.Delivery{ConversationId: "world", SeqId: 1, Frame: frame(contracts.FrameNew)}, classPush, "new-message"},
		"unset, a hint":                      {&pb.Delivery{ConversationId: "world", SeqId: 1, Frame: frame(contracts.FrameSyncHint)}, classPush, "sync-hint"},
		"unset, a read":                      {&pb.Delivery{UserIds: []int64{7}, Frame: frame(contracts.FrameRead)}, classEvent, "read"},
		"unset, a typing":                    {&pb.Delivery{UserIds: []int64{7}, Frame: frame(contracts.FrameTyping)}, classEvent, "typing"},
		"unset, a delivered":                 {&pb.Delivery{UserIds: []int64{7}, Frame: frame(contracts.FrameDelivered)}, classEvent, "delivered"},
		"unset, an event for one that asked": {&pb.Delivery{OnlyConnectionId: "c", Frame: frame(contracts.FrameRead)}, classControl, "read"},
		"unset, a stored":                    {&pb.Delivery{OnlyConnectionId: "c", Frame: frame(contracts.FrameStored)}, classControl, "message-stored"},
		"unset, a rejected":                  {&pb.Delivery{OnlyConnectionId: "c", Frame: frame(contracts.FrameRejected)}, classControl, "message-rejected"},
		"unset, a group event":               {&pb.Delivery{UserIds: []int64{7}, Frame: frame(contracts.FrameGroup)}, classControl, "group-event"},
		"unset, what nobody knows":           {&pb.Delivery{UserIds: []int64{7}, Frame: frame("dance")}, classControl, "dance"},
	} {
		require.Equal(t, c.want, classOf(c.d), name)
		require.Equal(t, c.typ, typeOf(c.d), name)
	}
}

// TestEventsCloseNoSlowSocket: a socket that does not read loses events, whatever their type, and stays.
func TestEventsCloseNoSlowSocket(t *testing.T) {
	h := start(t, small)
	slow, quick := h.dial("7:a", ""), h.dial("8:a", "")
	d := bulky("", 0)
	d.Class, d.FrameType = pb.Delivery_CLASS_EVENT, "dance"
	for range 600 { // as many control frames are too many for a socket
		h.deliver(d)
		require.Equal(t, contracts.FrameNew, quick.next().Type)
	}
	require.Equal(t, 2, h.gw.hub.len())
	require.Less(t, len(slow.barrier()), 600)
}
