package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/obs"
)

// replaceElsewhere closes the sockets that the same device has on other gateways.
// When it fails, the old socket lives until its heartbeat fails: a device has two
// for a while, which costs it nothing but duplicates.
func (g *Gateway) replaceElsewhere(ctx context.Context, c *conn) {
	where, err := g.deps.Sessions.Locate(ctx, &pb.LocateRequest{UserIds: []int64{c.user}})
	if err != nil {
		g.log.Warn("older sockets of a device were not found", append(obs.Fields(ctx), zap.Error(err))...)
		return
	}
	gateways := where.GetStaleGateways()
	for _, gw := range where.GetGateways() {
		gateways = append(gateways, gw.GetGatewayId())
	}
	for _, id := range gateways {
		if id == g.id {
			continue
		}
		if err := g.orderReplaced(id, c); err != nil && !errors.Is(err, mq.ErrUnknownTopic) {
			g.log.Warn("older sockets of a device were not closed",
				append(obs.Fields(ctx), zap.String("on", id), zap.Error(err))...)
		}
	}
}

func (g *Gateway) orderReplaced(gateway string, c *conn) error {
	payload, err := proto.Marshal(&pb.Downstream{Deliveries: []*pb.Delivery{{
		UserIds: []int64{c.user},
		Close: &pb.Close{
			Code: contracts.CloseReplaced, Reason: contracts.CloseReasonReplaced,
			DeviceId: c.device, ExceptConnectionId: c.id, OpenedAt: c.opened, OpenForMs: max(time.Since(c.since).Milliseconds(), 0),
		},
	}}})
	if err != nil {
		return err
	}
	msg := message.NewMessage(g.next(), payload)
	msg.Metadata = message.Metadata{mq.KeyMetadata: gateway, contracts.MetaSchema: contracts.SchemaVersion}
	return g.deps.Transport.Publisher().Publish(contracts.TopicDownstream(gateway), msg)
}

// replaceMost bounds the sockets that wait to be replaced.
const replaceMost = 1024

// replacement is an order of another gateway: a newer socket of the same device is to replace old.
type replacement struct {
	old *conn
	by  *pb.Session
	how *pb.Close
}

// replaceHere carries out the orders in g.replacing until quit.
func (g *Gateway) replaceHere(quit <-chan struct{}) {
	for {
		select {
		case first := <-g.replacing:
			run := []replacement{first}
			for more := true; more && len(run) < sessionBatch; {
				select {
				case next := <-g.replacing:
					run = append(run, next)
				default:
					more = false
				}
			}
			g.replaceSome(run)
		case <-quit:
			return
		}
	}
}

// queueReplaced takes a socket that another gateway ordered to close. When too many orders wait, the socket stays open,
// which costs its device nothing but duplicates.
func (g *Gateway) queueReplaced(c *conn, o *pb.Close) {
	select {
	case g.replacing <- replacement{c, &pb.Session{UserId: c.user, ConnectionId: o.GetExceptConnectionId()}, o}:
	default:
		g.log.Warn("an older socket of a device stays: too many are to be replaced", obs.Fields(obs.WithCaller(context.Background(), c.caller()))...)
	}
}

// replaceSome closes the sockets whose newer socket is still registered. An order may come late: when the newer socket
// has closed and its client has come back here, nothing may close. Without an answer nothing closes either.
func (g *Gateway) replaceSome(run []replacement) {
	in := &pb.RegisteredRequest{Sessions: make([]*pb.Session, len(run))}
	for i, r := range run {
		in.Sessions[i] = r.by
	}
	ctx, cancel := g.rpc(context.Background())
	defer cancel()
	resp, err := g.deps.Sessions.Registered(ctx, in)
	if err != nil || len(resp.GetRegistered()) != len(run) {
		g.log.Warn("older sockets of devices stay: the session registry does not say whether the newer ones are there",
			zap.Int("sockets", len(run)), zap.Error(err))
		return
	}
	for i, r := range run {
		if resp.GetRegistered()[i] {
			r.old.close(int(r.how.GetCode()), r.how.GetReason())
		}
	}
}
