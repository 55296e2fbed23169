package gateway

import (
	"context"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/obs"
)

// deliveredKey names the delivered position of a user in a conversation.
type deliveredKey struct {
	user int64
	conv string
}

type receipts = gather[deliveredKey, *pb.DeliveredTo]

// receiversKnown is how many memberships, each of a user in a conversation, are remembered.
const receiversKnown = 1 << 16

// newReceipts gathers delivered positions: of many frames about one conversation only the highest position is passed
// on. Who is in which conversation is learned from the answers, since a frame is not worth a call of its own.
func (g *Gateway) newReceipts() (*receipts, error) {
	members, err := lru.New[deliveredKey, struct{}](receiversKnown)
	if err != nil {
		return nil, fmt.Errorf("remember who is in which conversation: %w", err)
	}
	r := &receipts{
		what: "delivered positions", pause: g.cfg.ReceiptInterval, timeout: g.cfg.RPCTimeout, log: g.log,
		merge: func(old, newer *pb.DeliveredTo) *pb.DeliveredTo {
			if old.GetSeqId() > newer.GetSeqId() {
				return old
			}
			return newer
		},
		owner: func(k deliveredKey) int64 { return k.user },
		sure: func(k deliveredKey) bool {
			_, known := members.Get(k)
			return known || k.conv == string(contracts.World)
		},
		send: func(ctx context.Context, run []*pb.DeliveredTo) error {
			resp, err := g.deps.Receipts.Deliver(ctx, &pb.DeliverRequest{Delivered: run})
			for _, d := range resp.GetMoved() {
				members.Add(deliveredKey{d.GetUserId(), d.GetConversationId()}, struct{}{})
			}
			return err
		},
	}
	return r.start(), nil
}

// delivered takes what the client says that it has received.
func (c *conn) delivered(data value) {
	d, err := readData(data)
	if err == nil {
		_, taken := c.g.receipts.add(deliveredKey{c.user, d.ConversationID}, &pb.DeliveredTo{
			UserId: c.user, ConversationId: d.ConversationID, SeqId: d.SeqID,
		})
		if taken {
			return
		}
		err = contracts.NewError(contracts.CodeUnavailable, "")
	}
	c.fail(c.told(obs.WithCaller(context.Background(), c.caller()), err, contracts.FrameDelivered), contracts.FrameDelivered)
}
