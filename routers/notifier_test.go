package routers

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/reach"
)

// unsureLocator answers that the users' sockets may be at any of its gateways.
type unsureLocator []string

func (l unsureLocator) Locate(context.Context, *pb.LocateRequest) (*pb.LocateResponse, error) {
	return &pb.LocateResponse{StaleGateways: l}, nil
}

// gatewayLog notes by gateway what was published to it.
type gatewayLog map[string][]*pb.Delivery

func (l gatewayLog) Publish(_ context.Context, out ...handlers.Record) error {
	for _, o := range out {
		down := o.Message.(*pb.Downstream)
		gateway, _ := contracts.GatewayOfTopic(o.Topic)
		l[gateway] = append(l[gateway], down.GetDeliveries()...)
	}
	return nil
}

// TestClosesReachEveryGatewayThatMayHaveTheSocket: while it is not known where sockets are, and too many
// gateways may have them, frames are not sent, since clients can pull; closes are sent to all.
func TestClosesReachEveryGatewayThatMayHaveTheSocket(t *testing.T) {
	t.Parallel()
	gateways := make([]string, reach.MaxUnsureGateways+1)
	for i := range gateways {
		gateways[i] = fmt.Sprintf("gw-%02d", i)
	}
	closing, frame := &pb.Delivery{Close: &pb.Close{Code: contracts.CloseTokenRevoked}}, &pb.Delivery{Frame: []byte("{}")}
	each := func(list ...*pb.Delivery) func(context.Context, *Notifier) error {
		return func(ctx context.Context, n *Notifier) error {
			return n.NotifyEach(ctx, map[contracts.UserID][]*pb.Delivery{1: list})
		}
	}
	one := func(d *pb.Delivery) func(context.Context, *Notifier) error {
		return func(ctx context.Context, n *Notifier) error { return n.Notify(ctx, []contracts.UserID{1}, d) }
	}
	for name, tt := range map[string]struct {
		notify func(context.Context, *Notifier) error
		want   int
	}{
		"a close":                       {one(closing), len(gateways)},
		"a frame":                       {one(frame), 0},
		"a close of many":               {each(closing), len(gateways)},
		"a frame of many":               {each(frame), 0},
		"a close among frames, of many": {each(frame, closing), len(gateways)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := gatewayLog{}
			require.NoError(t, tt.notify(t.Context(), NewNotifier(unsureLocator(gateways), got)))
			assert.Len(t, got, tt.want)
		})
	}
}
