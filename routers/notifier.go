package routers

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/deliver"
	"github.com/gochat/gochat/handlers/reach"
)

// Locator is what the notifier asks for the gateways of users.
type Locator interface {
	Locate(ctx context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error)
}

// Notifier sends frames and closes to users' sockets, wherever they are. Safe
// for concurrent use.
type Notifier struct {
	locator Locator
	out     handlers.Outbox
}

// NewNotifier returns a notifier.
func NewNotifier(locator Locator, out handlers.Outbox) *Notifier {
	return &Notifier{locator: locator, out: out}
}

// Notify hands d to every gateway that holds a socket of one of the users; it
// returns once the queue has it durably.
func (n *Notifier) Notify(ctx context.Context, to []contracts.UserID, d *pb.Delivery) error {
	ids := make([]int64, len(to))
	for i, u := range to {
		ids[i] = int64(u)
	}
	return n.notify(ctx, ids, mostFor(d), func(users []int64) []*pb.Delivery {
		one := proto.CloneOf(d)
		one.UserIds = users
		return []*pb.Delivery{one}
	})
}

// NotifyEach is Notify for many users who each get deliveries of their own: the users are located in one call,
// and each gateway gets its users' deliveries in few records.
func (n *Notifier) NotifyEach(ctx context.Context, to map[contracts.UserID][]*pb.Delivery) error {
	ids := make([]int64, 0, len(to))
	var all []*pb.Delivery
	for u, list := range to {
		ids, all = append(ids, int64(u)), append(all, list...)
	}
	return n.notify(ctx, ids, mostFor(all...), func(users []int64) (list []*pb.Delivery) {
		for _, u := range users {
			for _, d := range to[contracts.UserID(u)] {
				one := proto.CloneOf(d)
				one.UserIds = []int64{u}
				list = append(list, one)
			}
		}
		return list
	})
}

// mostFor returns how many gateways that may or may not hold a user may get the deliveries. A client can pull
// what a frame tells, or do without. A close cannot be pulled, and a socket with a revoked token must not stay
// open.
func mostFor(deliveries ...*pb.Delivery) int {
	for _, d := range deliveries {
		if d.GetClose() != nil {
			return reach.NoLimit
		}
	}
	return reach.MaxUnsureGateways
}

// notify publishes to each gateway what its users get. When more than most gateways may or may not hold users,
// none of these gateways gets anything.
func (n *Notifier) notify(ctx context.Context, ids []int64, most int, of func(users []int64) []*pb.Delivery) error {
	found, err := n.locator.Locate(ctx, &pb.LocateRequest{UserIds: ids})
	if err != nil {
		return fmt.Errorf("locate %d users: %w", len(ids), err)
	}
	w := deliver.NewWriter(n.out)
	for _, r := range reach.Of(found, most).Routes(ids) {
		for _, d := range of(r.Users) {
			if err := w.Push(ctx, r.GatewayID, d); err != nil {
				return fmt.Errorf("notify %d users: %w", len(ids), err)
			}
		}
	}
	if err := w.Flush(ctx); err != nil {
		return fmt.Errorf("notify %d users: %w", len(ids), err)
	}
	return nil
}
