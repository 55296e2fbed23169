package routers

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/deliver"
)

// Locator is what the notifier asks for the gateways of users.
type Locator interface {
	Locate(ctx context.Context, in *pb.LocateRequest, opts ...grpc.CallOption) (*pb.LocateResponse, error)
}

// Notifier sends frames and closes to users' sockets, wherever they are. Safe
// for concurrent use.
type Notifier struct {
	locator Locator
	out     deliver.Outbox
}

// NewNotifier returns a notifier.
func NewNotifier(locator Locator, out deliver.Outbox) *Notifier {
	return &Notifier{locator: locator, out: out}
}

// Notify hands d to every gateway that holds a socket of one of the users; it
// returns once the queue has it durably.
func (n *Notifier) Notify(ctx context.Context, to []contracts.UserID, d *pb.Delivery) error {
	ids := make([]int64, len(to))
	for i, u := range to {
		ids[i] = int64(u)
	}
	found, err := n.locator.Locate(ctx, &pb.LocateRequest{UserIds: ids})
	if err != nil {
		return fmt.Errorf("locate %d users: %w", len(ids), err)
	}
	var records []deliver.Record
	add := func(gateway string, users []int64) error {
		one := proto.CloneOf(d)
		one.UserIds = users
		payload, err := proto.Marshal(&pb.Downstream{Deliveries: []*pb.Delivery{one}})
		if err != nil {
			return fmt.Errorf("encode a delivery: %w", err)
		}
		records = append(records, deliver.Record{Topic: contracts.TopicDownstream(gateway), Key: gateway, Payload: payload})
		return nil
	}
	every := map[string]bool{}
	for _, gw := range found.GetEveryGateway() {
		every[gw] = true
		if err := add(gw, ids); err != nil {
			return err
		}
	}
	for _, g := range found.GetGateways() {
		if every[g.GetGatewayId()] {
			continue
		}
		if err := add(g.GetGatewayId(), g.GetUserIds()); err != nil {
			return err
		}
	}
	if len(records) == 0 {
		return nil
	}
	if err := n.out.Publish(ctx, records...); err != nil {
		return fmt.Errorf("notify %d users: %w", len(ids), err)
	}
	return nil
}
