// Package largegroup delivers stored messages to groups that are too large for
// the message pipeline.
package largegroup

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/deliver"
)

// Members lists who is in a group, in pages.
type Members interface {
	ListMemberIDs(ctx context.Context, in *pb.ListMemberIDsRequest, opts ...grpc.CallOption) (*pb.ListMemberIDsResponse, error)
}

// Locator knows through which gateways users are connected.
type Locator interface {
	Locate(ctx context.Context, in *pb.LocateRequest, opts ...grpc.CallOption) (*pb.LocateResponse, error)
}

// Outbox publishes records, all or none.
type Outbox interface {
	Publish(ctx context.Context, records ...deliver.Record) error
}

// PageSize is how many members are read, located and delivered to at a time,
// which bounds memory whatever the size of the group.
const PageSize = 1000

// Handler delivers fan-out tasks. Safe for concurrent use.
type Handler struct {
	members Members
	locator Locator
	out     Outbox
}

// New returns a handler.
func New(members Members, locator Locator, out Outbox) *Handler {
	return &Handler{members: members, locator: locator, out: out}
}

// Handle delivers one message to every connected member, page by page. A task
// that is handled again delivers again: clients drop what they have.
func (h *Handler) Handle(ctx context.Context, task *pb.FanoutTask) error {
	frame := contracts.EncodeFrame(contracts.FrameNew, contracts.NewMessageData(task.GetMessage()))
	page := &pb.ListMemberIDsRequest{GroupId: task.GetGroupId(), Limit: PageSize}
	for {
		members, err := h.members.ListMemberIDs(ctx, page)
		if err != nil {
			return fmt.Errorf("list members of group %d after %d: %w", task.GetGroupId(), page.GetAfterUserId(), err)
		}
		users := members.GetUserIds()
		if len(users) == 0 {
			return nil
		}
		if err := h.deliver(ctx, task, users, frame); err != nil {
			return err
		}
		if !members.GetHasMore() {
			return nil
		}
		page.AfterUserId = users[len(users)-1]
	}
}

func (h *Handler) deliver(ctx context.Context, task *pb.FanoutTask, users []int64, frame []byte) error {
	found, err := h.locator.Locate(ctx, &pb.LocateRequest{UserIds: users})
	if err != nil {
		return fmt.Errorf("locate %d members of group %d: %w", len(users), task.GetGroupId(), err)
	}
	byGateway := map[string][]int64{}
	for _, g := range found.GetGateways() {
		byGateway[g.GetGatewayId()] = g.GetUserIds()
	}
	for _, gw := range found.GetEveryGateway() {
		byGateway[gw] = users
	}
	var records []deliver.Record
	for gw, ids := range byGateway {
		payload, err := proto.Marshal(&pb.Downstream{Deliveries: []*pb.Delivery{{
			UserIds: ids, ExceptConnectionId: task.GetExceptConnectionId(), Frame: frame,
			ConversationId: task.GetMessage().GetConversationId(), SeqId: task.GetMessage().GetSeqId(),
		}}})
		if err != nil {
			return fmt.Errorf("encode a delivery of group %d: %w", task.GetGroupId(), err)
		}
		records = append(records, deliver.Record{Topic: contracts.TopicDownstream(gw), Key: gw, Payload: payload})
	}
	if len(records) == 0 {
		return nil
	}
	if err := h.out.Publish(ctx, records...); err != nil {
		return fmt.Errorf("deliver to group %d: %w", task.GetGroupId(), err)
	}
	return nil
}
