package routers

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/deliver"
)

// NotifyEach is Notify for many users with deliveries of their own: they are located
// in one call, and each gateway gets all of its users' deliveries in one record.
func (n *Notifier) NotifyEach(ctx context.Context, to map[contracts.UserID][]*pb.Delivery) error {
	ids := make([]int64, 0, len(to))
	for u := range to {
		ids = append(ids, int64(u))
	}
	found, err := n.locator.Locate(ctx, &pb.LocateRequest{UserIds: ids})
	if err != nil {
		return fmt.Errorf("locate %d users: %w", len(ids), err)
	}
	var records []deliver.Record
	add := func(gateway string, users []int64) error {
		down := &pb.Downstream{}
		for _, u := range users {
			for _, d := range to[contracts.UserID(u)] {
				one := proto.CloneOf(d)
				one.UserIds = []int64{u}
				down.Deliveries = append(down.Deliveries, one)
			}
		}
		payload, err := proto.Marshal(down)
		if err != nil {
			return fmt.Errorf("encode %d deliveries: %w", len(down.GetDeliveries()), err)
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
