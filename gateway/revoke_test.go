package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/device"
	"github.com/gochat/gochat/routers"
	"github.com/gochat/gochat/routers/middleware"
)

// registryOf finds users on the gateways of a test.
type registryOf []*harness

func (r registryOf) Locate(_ context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error) {
	out := &pb.LocateResponse{}
	for _, h := range r {
		out.Gateways = append(out.Gateways, &pb.GatewayUsers{GatewayId: h.gw.ID(), UserIds: in.GetUserIds()})
	}
	return out, nil
}

// forbidding has every device in every list.
type forbidding struct{ device.Devices }

func (forbidding) ForbidDevice(_ context.Context, in *pb.ForbidDeviceRequest) (*pb.ForbidDeviceResponse, error) {
	return &pb.ForbidDeviceResponse{Listed: true, RevokedAt: in.GetAt(), TokenIds: []string{"stolen"}}, nil
}

// TestRevocationReachesEveryGateway within a second, and nobody else.
func TestRevocationReachesEveryGateway(t *testing.T) {
	one := start(t)
	two := start(t, func(_ *Config, d *Deps) { d.Transport = one.queue })
	out, err := routers.NewOutbox(routers.Deps{Transport: one.queue, Metrics: middleware.NewMetrics(prometheus.NewRegistry())}, "test")
	require.NoError(t, err)
	notifier := routers.NewNotifier(registryOf{one, two}, out)
	devices, err := device.New(forbidding{}, notifier)
	require.NoError(t, err)

	type ends struct{ phone, laptop, other, bare *client }
	var all []ends
	for _, h := range []*harness{one, two} {
		h.logic.issued = time.Now().Add(-time.Minute).UnixMilli()
		all = append(all, ends{h.dial("7:a", "&deviceId=phone"), h.dial("7:a", "&deviceId=laptop"), h.dial("8:a", "&deviceId=phone"), h.dial("7:stolen", "")})
	}
	_, err = devices.RevokeDevice(t.Context(), &pb.RevokeDeviceRequest{CallerId: 7, DeviceId: "phone"})
	require.NoError(t, err)
	for _, e := range all {
		require.Equal(t, contracts.CloseTokenRevoked, e.phone.closed().Code)
		require.Equal(t, contracts.CloseTokenRevoked, e.bare.closed().Code)
	}
	for _, e := range all {
		require.Empty(t, e.laptop.barrier())
		require.Empty(t, e.other.barrier())
	}

	require.NoError(t, notifier.Notify(t.Context(), []contracts.UserID{7}, &pb.Delivery{Close: &pb.Close{ // as a logout does
		Code: contracts.CloseTokenRevoked, Reason: contracts.CloseReasonRevoked, TokenId: "a",
	}}))
	for _, e := range all {
		require.Equal(t, contracts.CloseTokenRevoked, e.laptop.closed().Code)
	}

	frame := func(text string) *pb.Delivery {
		return &pb.Delivery{Frame: contracts.EncodeFrame(contracts.FrameDelivered, text)}
	}
	require.NoError(t, notifier.NotifyEach(t.Context(), map[contracts.UserID][]*pb.Delivery{8: {frame("a"), frame("b")}, 9: {frame("c")}}))
	for _, e := range all {
		e.other.expect(contracts.FrameDelivered, nil)
		e.other.expect(contracts.FrameDelivered, nil)
		require.Empty(t, e.other.barrier(), "its own only")
	}
}
