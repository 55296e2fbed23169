package gateway

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

func push(seq uint64, d *pb.Delivery) *pb.Delivery {
	d.ConversationId, d.SeqId, d.Class, d.FrameType = "world", seq, pb.Delivery_CLASS_PUSH, contracts.FrameNew
	d.Frame = contracts.EncodeFrame(contracts.FrameNew, contracts.MessageData{ConversationID: "world", SeqID: seq})
	return d
}

func TestRouting(t *testing.T) {
	h := start(t)
	a1, a2, b, c := h.dial("1:a", ""), h.dial("1:b", ""), h.dial("2:a", ""), h.dial("3:a", "")
	h.deliver(
		push(1, &pb.Delivery{UserIds: []int64{1, 2, 99}}),
		push(2, &pb.Delivery{UserIds: []int64{1, 2}, ExceptConnectionId: a1.hello.ConnectionID}),
		push(3, &pb.Delivery{Everyone: true}),
		push(4, &pb.Delivery{Everyone: true, ExceptConnectionId: c.hello.ConnectionID}),
		push(5, &pb.Delivery{OnlyConnectionId: b.hello.ConnectionID}),
		push(6, &pb.Delivery{OnlyConnectionId: "gone"}),
		&pb.Delivery{UserIds: []int64{1}}, // no frame, no order
		push(7, &pb.Delivery{Everyone: true}),
	)
	for _, tt := range []struct {
		name string
		c    *client
		want []uint64
	}{
		{"a1", a1, []uint64{1, 3, 4, 7}}, {"a2", a2, []uint64{1, 2, 3, 4, 7}}, {"b", b, []uint64{1, 2, 3, 4, 5, 7}}, {"c", c, []uint64{3, 7}},
	} {
		var got []uint64
		for range tt.want {
			var m contracts.MessageData
			tt.c.expect(contracts.FrameNew, &m)
			got = append(got, m.SeqID)
		}
		require.Equal(t, tt.want, got, tt.name)
		require.Empty(t, tt.c.barrier(), tt.name)
	}
}

// TestDeliveriesBeforeHello: what arrives while a socket is made known waits behind hello.
func TestDeliveriesBeforeHello(t *testing.T) {
	h := start(t)
	asked := 0
	h.logic.onCall = func(any) error {
		if asked++; asked == 2 { // the second look at the token is made with the session known
			h.deliver(push(1, &pb.Delivery{UserIds: []int64{7}}))
			h.eventually(func() bool { q := &h.gw.hub.all()[0].q; q.mu.Lock(); defer q.mu.Unlock(); return q.len() == 1 }, "queued")
		}
		return nil
	}
	c := h.dial("7:a", "") // fails unless hello is first
	c.expect(contracts.FrameNew, nil)
}

func TestUndecodableDelivery(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	h.publishRaw([]byte("\xff\xff"))
	h.deliver(push(1, &pb.Delivery{Everyone: true}))
	c.expect(contracts.FrameNew, nil)
}

// TestDeliveryOfAnotherEpoch: what was meant for an earlier life of this gateway is
// not for its sockets.
func TestDeliveryOfAnotherEpoch(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	payload, err := proto.Marshal(&pb.Downstream{Deliveries: []*pb.Delivery{push(1, &pb.Delivery{Everyone: true})}})
	require.NoError(t, err)
	h.publish("gw-earlier", payload)
	h.deliver(push(2, &pb.Delivery{Everyone: true}))
	var data struct {
		SeqID uint64 `json:"seqId"`
	}
	c.expect(contracts.FrameNew, &data)
	require.Equal(t, uint64(2), data.SeqID)
}

// TestOneOfTwoStays: the same device opens a socket on two gateways at the same
// moment, and each is told to replace the other's.
func TestOneOfTwoStays(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "&deviceId=phone")
	mine := h.gw.hub.all()[0]
	order := func(opened int64, id string) *pb.Delivery {
		return &pb.Delivery{UserIds: []int64{7}, Close: &pb.Close{
			Code: 4002, Reason: "replaced", DeviceId: "phone", ExceptConnectionId: id, OpenedAt: opened,
		}}
	}
	h.deliver(order(mine.opened-1, "zzz"), order(mine.opened, ""))
	require.Empty(t, c.barrier(), "it is the newer one")
	for name, o := range map[string]*pb.Delivery{
		"an older socket":                        order(mine.opened+1, ""),
		"the lesser of two of the same time":     order(mine.opened, "zzz"),
		"a clock that is ahead":                  order(mine.opened-time.Minute.Milliseconds(), ""),
		"an order that does not know the moment": order(0, ""),
	} {
		require.Len(t, h.gw.hub.matching([]int64{7}, o.GetClose()), 1, name)
	}
	h.sessions.mu.Lock()
	h.sessions.sessions["newer"] = &pb.Session{UserId: 7, ConnectionId: "newer"}
	h.sessions.mu.Unlock()
	h.deliver(order(mine.opened+1, "newer"))
	require.Equal(t, 4002, c.closed().Code)
}

// TestALateOrderClosesNothing: a gateway's calls took so long that the client has opened
// another socket here meanwhile.
func TestALateOrderClosesNothing(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "&deviceId=phone")
	mine := h.gw.hub.all()[0]
	order := func(opened, open int64, id string) *pb.Delivery {
		return &pb.Delivery{UserIds: []int64{7}, Close: &pb.Close{
			Code: 4002, Reason: "replaced", DeviceId: "phone", ExceptConnectionId: id, OpenedAt: opened, OpenForMs: open,
		}}
	}
	asked := func() int {
		h.sessions.mu.Lock()
		defer h.sessions.mu.Unlock()
		return h.sessions.asked
	}
	h.sessions.mu.Lock()
	h.sessions.sessions["there"] = &pb.Session{UserId: 7, ConnectionId: "there"}
	h.sessions.mu.Unlock()
	for _, clock := range []int64{-time.Minute.Milliseconds(), -3000, -1, 3000, time.Minute.Milliseconds()} {
		h.deliver(order(mine.opened+clock, time.Hour.Milliseconds(), "there"))
	}
	require.Empty(t, c.barrier(), "it is the newer one, whatever the clocks say")
	require.Zero(t, asked())
	h.deliver(order(mine.opened-3000, 0, "gone"))
	h.eventually(func() bool { return asked() == 1 }, "asked whether the newer one is there")
	require.Empty(t, c.barrier(), "the socket that ordered it has gone")
	h.deliver(order(mine.opened-3000, 1, "there"))
	require.Equal(t, 4002, c.closed().Code)
}

func TestCloseOrders(t *testing.T) {
	h := start(t)
	phone, laptop, other := h.dial("7:a", "&deviceId=phone"), h.dial("7:b", "&deviceId=laptop"), h.dial("8:a", "")
	h.deliver(&pb.Delivery{UserIds: []int64{7}, Close: &pb.Close{Code: 4001, Reason: "revoked", TokenId: "a"}})
	ce := phone.closed()
	require.Equal(t, 4001, ce.Code)
	require.Equal(t, "revoked", ce.Text)
	require.Empty(t, laptop.barrier())
	require.Empty(t, other.barrier())
	h.deliver(&pb.Delivery{UserIds: []int64{7}, Close: &pb.Close{Code: 4002, Reason: "replaced", DeviceId: "laptop", ExceptConnectionId: laptop.hello.ConnectionID}})
	require.Empty(t, laptop.barrier())
	h.deliver(&pb.Delivery{UserIds: []int64{7}, Close: &pb.Close{Code: 4002, Reason: "replaced", DeviceId: "laptop", ExceptConnectionId: "newer"}})
	require.Equal(t, 4002, laptop.closed().Code)
	h.eventually(func() bool { return h.sessions.count() == 1 }, "sessions are removed")
}

func TestSameDeviceReplaces(t *testing.T) {
	h := start(t)
	require.NoError(t, h.queue.Ensure(t.Context(), mq.Topic{Name: contracts.TopicDownstream("gw-other"), Partitions: 1, Tail: true}))
	sub, err := h.queue.Subscriber(mq.SubscriberConfig{Start: mq.StartNewest})
	require.NoError(t, err)
	records, err := sub.Subscribe(t.Context(), contracts.TopicDownstream("gw-other"))
	require.NoError(t, err)
	h.sessions.elsewhere = []string{"gw-other", "gw-gone", h.gw.ID()}

	first := h.dial("7:a", "&deviceId=phone")
	same := h.dial("8:a", "&deviceId=phone")
	second := h.dial("7:b", "&deviceId=phone")
	ce := first.closed()
	require.Equal(t, 4002, ce.Code)
	require.Equal(t, "replaced", ce.Text)
	require.Empty(t, second.barrier())
	require.Empty(t, same.barrier(), "another user's device")

	var last *pb.Close
	for range 3 {
		msg := <-records
		down := decode(t, msg.Payload)
		require.Len(t, down.GetDeliveries(), 1)
		// Each socket orders the close of the older ones after its hello, so that the orders may overtake each other.
		if o := down.GetDeliveries()[0].GetClose(); o.GetExceptConnectionId() == second.hello.ConnectionID {
			last = o
		}
		msg.Ack()
	}
	require.Equal(t, int32(4002), last.GetCode())
	require.Equal(t, "phone", last.GetDeviceId())
	require.Equal(t, second.hello.ConnectionID, last.GetExceptConnectionId())
}

// TestRevokedWhileOpening: a logout between the handshake and the registration of the session finds no socket to close,
// so that the gateway checks the token again.
func TestRevokedWhileOpening(t *testing.T) {
	h := start(t)
	asked := 0
	h.logic.onCall = func(any) error {
		if asked++; asked == 2 {
			return contracts.NewError(contracts.CodeUnauthenticated, "").GRPCStatus().Err()
		}
		return nil
	}
	c := h.dial("7:a", "")
	require.Equal(t, 4001, c.closed().Code)
}

func TestPresenceHeals(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.BeatInterval = 5 * time.Millisecond })
	h.dial("7:a", "")
	h.sessions.forget()
	h.eventually(func() bool { return h.sessions.count() == 1 && h.sessions.ready(h.gw.ID()) }, "sessions are put again")

	h.sessions.mu.Lock()
	h.sessions.putErr = contracts.NewError(contracts.CodeUnavailable, "")
	h.sessions.mu.Unlock()
	h.dial("8:a", "") // is let in all the same
	h.eventually(func() bool { return !h.sessions.ready(h.gw.ID()) }, "beats say that sessions are missing")
	h.sessions.mu.Lock()
	h.sessions.putErr = nil
	h.sessions.mu.Unlock()
	h.eventually(func() bool { return h.sessions.count() == 2 && h.sessions.ready(h.gw.ID()) }, "and heal")
}

func TestSocketsPerUser(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.Rates.SocketsPerUser = 2 })
	first := h.dial("7:a", "")
	h.dial("7:b", "")
	_, resp, err := h.try("?token=7:c", nil)
	require.Error(t, err)
	require.Equal(t, 429, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	h.dial("8:a", "")
	require.NoError(t, first.Close())
	h.eventually(func() bool { return h.gw.hub.len() == 2 }, "closed")
	h.eventually(func() bool {
		ws, _, err := h.try("?token=7:c", nil)
		if err == nil {
			_ = ws.Close()
		}
		return err == nil
	}, "the slot is free again")
}

func TestHandshakeLimit(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.Rates.HandshakesPerSecond = 3 })
	var statuses []int
	for range 6 {
		ws, resp, err := h.try("?token=7:a", nil)
		if err == nil {
			_ = ws.Close()
		}
		statuses = append(statuses, resp.StatusCode)
	}
	require.Contains(t, statuses, 429)
	require.Equal(t, 3, slices.Index(statuses, 429), fmt.Sprint(statuses))
}
