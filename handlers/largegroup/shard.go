package largegroup

import (
	"context"
	"fmt"
	"slices"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/deliver"
	"github.com/gochat/gochat/handlers/roster"
)

// deliver hands a run of tasks of one shard to the gateways, in as few records as there can be.
func (h *Handler) deliver(ctx context.Context, run []*pb.FanoutTask) error {
	first := run[0]
	list, err := h.roster.Of(ctx, first.GetGroupId(), first.GetMembersVersion())
	if err != nil {
		return err
	}
	// Who is in the shard, whether or not this or that task is for them.
	members := list.Shard(first.GetShard())
	ask := make([]int64, len(members))
	for i, m := range members {
		ask[i] = m.UserID
	}
	extra := map[int64]bool{}
	for _, task := range run {
		for _, id := range task.GetExtraUserIds() {
			if _, member := roster.Find(members, id); !member && !extra[id] {
				extra[id] = true
				ask = append(ask, id)
			}
		}
	}
	byGateway, order, err := h.locate(ctx, first, ask)
	if err != nil {
		return err
	}
	frames := make([][]byte, len(run))
	for i, task := range run {
		frames[i] = frame(task)
	}
	w := deliver.NewWriter(h.out)
	for _, gw := range order {
		for i, task := range run {
			users := addressed(task, byGateway[gw], members)
			if len(users) == 0 {
				continue
			}
			if err := w.Push(ctx, gw, delivery(task, users, frames[i])); err != nil {
				return failed(first, err)
			}
		}
	}
	return failed(first, w.Flush(ctx))
}

// locate finds the gateways of users, a page at a time.
func (h *Handler) locate(ctx context.Context, task *pb.FanoutTask, users []int64) (byGateway map[string][]int64, order []string, err error) {
	byGateway = map[string][]int64{}
	add := func(gw string, ids []int64) {
		if _, known := byGateway[gw]; !known {
			order = append(order, gw)
		}
		byGateway[gw] = append(byGateway[gw], ids...)
	}
	for page := range slices.Chunk(users, PageSize) {
		found, err := h.locator.Locate(ctx, &pb.LocateRequest{UserIds: page})
		if err != nil {
			return nil, nil, fmt.Errorf("locate %d members of group %d: %w", len(page), task.GetGroupId(), err)
		}
		for _, g := range found.GetGateways() {
			if !slices.Contains(found.GetEveryGateway(), g.GetGatewayId()) {
				add(g.GetGatewayId(), g.GetUserIds())
			}
		}
		for _, gw := range found.GetEveryGateway() {
			add(gw, page)
		}
	}
	return byGateway, order, nil
}

// addressed returns those of the users whom a task is for.
func addressed(task *pb.FanoutTask, users []int64, members []roster.Member) []int64 {
	out := make([]int64, 0, len(users))
	for _, id := range users {
		m, member := roster.Find(members, id)
		switch {
		case task.GetMessage() == nil && (member || slices.Contains(task.GetExtraUserIds(), id)),
			task.GetMessage() != nil && member && m.JoinSeq < task.GetMessage().GetSeqId():
			out = append(out, id)
		}
	}
	return out
}

func frame(task *pb.FanoutTask) []byte {
	if task.GetMessage() == nil {
		return task.GetFrame()
	}
	return contracts.EncodeFrame(contracts.FrameNew, contracts.NewMessageData(task.GetMessage()))
}

func delivery(task *pb.FanoutTask, users []int64, frame []byte) *pb.Delivery {
	d := &pb.Delivery{UserIds: users, Frame: frame}
	if m := task.GetMessage(); m != nil {
		d.ExceptConnectionId, d.ConversationId, d.SeqId = task.GetExceptConnectionId(), m.GetConversationId(), m.GetSeqId()
	}
	return d
}
