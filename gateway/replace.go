package gateway

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

// replaceElsewhere closes the sockets that the same device has on other gateways.
// When it fails, the old socket lives until its heartbeat fails: a device has two
// for a while, which costs it nothing but duplicates.
func (g *Gateway) replaceElsewhere(ctx context.Context, c *conn) {
	where, err := g.deps.Sessions.Locate(ctx, &pb.LocateRequest{UserIds: []int64{c.user}})
	if err != nil {
		g.log.Warn("older sockets of a device were not found", zap.String("connection", c.id), zap.Error(err))
		return
	}
	gateways := where.GetEveryGateway()
	for _, gw := range where.GetGateways() {
		gateways = append(gateways, gw.GetGatewayId())
	}
	for _, id := range gateways {
		if id == g.id {
			continue
		}
		if err := g.orderReplaced(id, c); err != nil && !errors.Is(err, mq.ErrUnknownTopic) {
			g.log.Warn("older sockets of a device were not closed",
				zap.String("connection", c.id), zap.String("on", id), zap.Error(err))
		}
	}
}

func (g *Gateway) orderReplaced(gateway string, c *conn) error {
	payload, err := proto.Marshal(&pb.Downstream{Deliveries: []*pb.Delivery{{
		UserIds: []int64{c.user},
		Close: &pb.Close{
			Code: contracts.CloseReplaced, Reason: contracts.CloseReasonReplaced,
			DeviceId: c.device, ExceptConnectionId: c.id, OpenedAt: c.opened,
		},
	}}})
	if err != nil {
		return err
	}
	msg := message.NewMessage(g.next(), payload)
	msg.Metadata = message.Metadata{mq.KeyMetadata: gateway, contracts.MetaSchema: contracts.SchemaVersion}
	return g.deps.Transport.Publisher().Publish(contracts.TopicDownstream(gateway), msg)
}
