package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func unavailable() error { return contracts.NewError(contracts.CodeUnavailable, "").GRPCStatus().Err() }

func TestDevicesAreNoted(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.PingInterval, c.DeviceRefresh = 200*time.Millisecond, time.Second })
	h.logic.issued = 5
	phone := h.dial("7:a", "&deviceId=phone")
	require.NotEmpty(t, h.personal.noted("phone"), "before hello")
	plain := h.dial("8:a", "")
	require.Empty(t, h.personal.noted(""), "it has no device")
	stay := make(chan struct{})
	go func() { // the sockets live as long as they ping
		defer close(stay)
		for range 20 {
			_ = phone.WriteMessage(1, []byte(`{"type":"ping","data":{}}`))
			_ = plain.WriteMessage(1, []byte(`{"type":"ping","data":{}}`))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	h.eventually(func() bool { return len(h.personal.noted("phone")) >= 2 }, "it is still there")
	<-stay
	before := len(h.personal.noted("phone"))
	require.Less(t, before, 6, "now and then, not with every heartbeat")
	require.NoError(t, phone.Close())
	require.NoError(t, plain.Close())
	h.eventually(func() bool { return len(h.personal.noted("phone")) > before && len(h.personal.noted("")) == 1 }, "they have gone")
	for _, n := range append(h.personal.noted("phone"), h.personal.noted("")...) {
		require.EqualValues(t, 5, n.GetIssuedAt())
		require.WithinDuration(t, time.Now(), time.UnixMilli(n.GetSeenAt()), time.Minute)
	}
}

// TestDevicesOfADrain: the last word about the devices goes out before the gateway
// stops, and so does what was delivered.
func TestDevicesOfADrain(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.ReceiptInterval = time.Hour })
	c := h.dial("7:a", "&deviceId=phone")
	opened := len(h.personal.noted("phone"))
	c.write(`{"type":"delivered","data":{"conversationId":"world","seqId":3}}`)
	require.Empty(t, c.barrier())
	require.Empty(t, h.personal.delivered())
	h.stop()
	require.Equal(t, 1012, c.closed().Code)
	require.NoError(t, <-h.done)
	require.Len(t, h.personal.noted("phone"), opened+1)
	require.Len(t, h.personal.delivered(), 1)
}

// TestDevicesOfAStoreThatIsAway: sockets open all the same, and their devices are
// noted when it is back.
func TestDevicesOfAStoreThatIsAway(t *testing.T) {
	h := start(t)
	h.personal.with(func() { h.personal.fail = unavailable() })
	h.dial("7:a", "&deviceId=phone")
	h.personal.with(func() { h.personal.fail = nil })
	h.eventually(func() bool { return len(h.personal.noted("phone")) > 0 }, "noted")
}

// TestTheDeviceIsAuthenticated with the handshake and when its session is known.
func TestTheDeviceIsAuthenticated(t *testing.T) {
	h := start(t)
	h.dial("7:a", "&deviceId=phone%20%F0%9F%98%80")
	in, n := last[*pb.AuthenticateRequest](h.logic)
	require.Equal(t, 2, n)
	require.Equal(t, "phone 😀", in.GetDeviceId())
	require.Equal(t, 200, h.call("GET", "/api/users/me", "7:a", "").status)
	in, _ = last[*pb.AuthenticateRequest](h.logic)
	require.Empty(t, in.GetDeviceId(), "a token goes on without the device")
	h.logic.onCall = func(req any) error {
		if in, ok := req.(*pb.AuthenticateRequest); ok && in.GetDeviceId() == "stolen" {
			return contracts.NewError(contracts.CodeUnauthenticated, "").GRPCStatus().Err()
		}
		return nil
	}
	_, resp, err := h.try("?token=7:a&deviceId=stolen", nil)
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
}

// TestCloseOfTheOlderTokens: a revocation that comes late does not close what was
// opened with a newer token.
func TestCloseOfTheOlderTokens(t *testing.T) {
	h := start(t)
	h.logic.issued = 100
	c := h.dial("7:a", "&deviceId=phone")
	order := func(before int64) *pb.Delivery {
		return &pb.Delivery{UserIds: []int64{7}, Close: &pb.Close{Code: 4001, Reason: "revoked", DeviceId: "phone", IssuedBefore: before}}
	}
	h.deliver(order(99), order(100))
	require.Empty(t, c.barrier())
	h.deliver(order(101))
	require.Equal(t, 4001, c.closed().Code)
}

func TestDeliveredIsGathered(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.ReceiptInterval = 50 * time.Millisecond })
	h.personal.with(func() { h.personal.fail = unavailable() })
	a, b := h.dial("7:a", ""), h.dial("8:a", "")
	for _, seq := range []int{3, 9, 5} {
		a.write(fmt.Sprintf(`{"type":"delivered","data":{"conversationId":"world","seqId":%d}}`, seq))
		a.write(fmt.Sprintf(`{"type":"delivered","data":{"conversationId":"group_1","seqId":%d}}`, seq+1))
	}
	b.write(`{"type":"delivered","data":{"conversationId":"world","seqId":4}}`)
	require.Empty(t, a.barrier())
	require.Empty(t, b.barrier())
	h.personal.with(func() { h.personal.fail = nil })
	h.eventually(func() bool { return len(h.personal.delivered()) >= 3 }, "handed over")
	got := map[string]uint64{}
	for _, d := range h.personal.delivered() {
		got[fmt.Sprint(d.GetUserId(), " ", d.GetConversationId())] = d.GetSeqId()
	}
	require.Equal(t, map[string]uint64{"7 world": 9, "7 group_1": 10, "8 world": 4}, got)
	require.Len(t, h.personal.delivered(), 3, "each once, whatever failed before")

	for _, bad := range []string{`{}`, `{"conversationId":"x","seqId":1}`, `{"conversationId":"world"}`, `{"conversationId":"world","seqId":-1}`, `7`} {
		a.write(`{"type":"delivered","data":` + bad + `}`)
		var e contracts.ErrorData
		a.expect(contracts.FrameError, &e)
		require.Equal(t, contracts.CodeInvalidArgument, e.Code, bad)
		require.Equal(t, contracts.FrameDelivered, e.Ref)
	}
}

func TestGatherIsBounded(t *testing.T) {
	var sent [][]int
	var fail error
	g := (&gather[int, int]{
		what: "numbers", timeout: time.Second, log: zap.NewNop(), merge: func(old, newer int) int { return 10*old + newer },
		owner: func(k int) int64 { return int64(k % 100) },
		send:  func(_ context.Context, run []int) error { sent = append(sent, run); return fail },
	}).start()
	for i := range gatherMost {
		_, taken := g.add(i, 1)
		require.True(t, taken)
	}
	_, taken := g.add(gatherMost, 1)
	require.False(t, taken, "no room")
	tried, taken := g.add(0, 2)
	require.True(t, taken, "known already")
	fail = unavailable()
	require.False(t, g.flush())
	<-tried
	require.Len(t, sent, 1, "no further call to who is away")
	require.Len(t, g.waiting, gatherMost)
	g.add(0, 3)
	require.Equal(t, 123, g.waiting[0], "what comes later is newer")
	fail = errors.New("nonsense")
	require.True(t, g.flush(), "trying that again is useless")
	require.Empty(t, g.waiting)
	require.Len(t, sent, 1+(gatherMost+gatherRun-1)/gatherRun)
}

func TestPersonalAPI(t *testing.T) {
	h := start(t)
	h.personal.with(func() { h.personal.online[8], h.personal.seen[9] = true, 900 })
	for _, tt := range []struct {
		method, path string
		status       int
		want         string // the body, or the code
	}{
		{"GET", "/api/devices", 200, `{"devices":[{"deviceId":"phone","online":true,"lastSeenAt":5}]}`},
		{"DELETE", "/api/devices/my%2Fphone%20%F0%9F%98%80", 204, ""},
		{"DELETE", "/api/devices/%ff", 404, "not_found"},
		{"DELETE", "/api/devices/" + strings.Repeat("x", 65), 404, "not_found"},
		{"GET", "/api/presence?userIds=8,9,500", 200, `{"presence":[{"userId":"8","online":true},{"userId":"9","online":false,"lastSeenAt":900}]}`},
		{"GET", "/api/presence", 400, "invalid_argument"},
		{"GET", "/api/presence?userIds=8,,9", 400, "invalid_argument"},
		{"GET", "/api/presence?userIds=" + strings.Repeat("8,", contracts.PresenceMax) + "8", 400, "invalid_argument"},
		{"GET", "/api/conversations/group_1/messages/4/readers?limit=2&cursor=7", 200, `{"readCount":1,"deliveredCount":2,"memberCount":3,"readers":[{"userId":"8","readSeq":9}],"nextCursor":"8"}`},
		{"GET", "/api/conversations/group_1/messages/x/readers", 404, "not_found"},
		{"GET", "/api/conversations/x/messages/4/readers", 404, "not_found"},
		{"GET", "/api/conversations/group_1/messages/4/readers?limit=101", 400, "invalid_argument"},
	} {
		r := h.call(tt.method, tt.path, "7:a", "")
		require.Equal(t, tt.status, r.status, "%s %s: %s", tt.method, tt.path, r.body)
		switch {
		case tt.status >= 400:
			require.Equal(t, contracts.Code(tt.want), r.err.Code, tt.path)
		case tt.want != "":
			require.JSONEq(t, tt.want, r.body, tt.path)
		}
		require.Equal(t, 401, h.call(tt.method, tt.path, "", "").status, tt.path)
	}
	require.Equal(t, "my/phone 😀", h.personal.revoked.GetDeviceId())
	require.EqualValues(t, 7, h.personal.revoked.GetCallerId())
	require.EqualValues(t, 4, h.personal.readers.GetSeqId())
	require.Equal(t, "7", h.personal.readers.GetCursor())
	require.EqualValues(t, 2, h.personal.readers.GetLimit())
	h.personal.with(func() { h.personal.partial = true })
	require.Equal(t, 503, h.call("GET", "/api/presence?userIds=8,9", "7:a", "").status, "it is not known of 9")
}
