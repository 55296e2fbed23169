package gateway

import (
	"context"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// deliveredKey is whose position in which conversation it is.
type deliveredKey struct {
	user int64
	conv string
}

type receipts = gather[deliveredKey, *pb.DeliveredTo]

// newReceipts gathers what clients have received: of many frames about one
// conversation only the highest position goes on.
func (g *Gateway) newReceipts() *receipts {
	r := &receipts{
		what: "delivered positions", pause: g.cfg.ReceiptInterval, timeout: g.cfg.RPCTimeout, log: g.log,
		merge: func(old, newer *pb.DeliveredTo) *pb.DeliveredTo {
			if old.GetSeqId() > newer.GetSeqId() {
				return old
			}
			return newer
		},
		owner: func(k deliveredKey) int64 { return k.user },
		send: func(ctx context.Context, run []*pb.DeliveredTo) error {
			_, err := g.deps.Receipts.Deliver(ctx, &pb.DeliverRequest{Delivered: run})
			return err
		},
	}
	return r.start()
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
	c.fail(c.g.told(context.Background(), err, contracts.FrameDelivered), contracts.FrameDelivered)
}
