// Package largegroup delivers to groups that are too large for the message pipeline. A task delivers to all
// members in one step, up to DirectMembers of them. A task of a larger group is split into one for each shard
// of the members. A member is always in the same shard, and the tasks of a shard are handled in order, so that
// each member gets pushes in order.
package largegroup

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/deliver"
	"github.com/gochat/gochat/handlers/roster"
)

// Locator knows through which gateways users are connected.
type Locator interface {
	Locate(ctx context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error)
}

// Hinter lets users who are connected through one of the gateways know that there is
// something to pull.
type Hinter interface {
	Hint(conversation string, seq uint64, users []int64, gateways []string)
}

// PageSize is how many members are located at a time.
const PageSize = 5000

// DirectMembers is the largest number of members that one step delivers to. Above it, several workers share the
// work of one message, at the price of one more pass through the queue.
const DirectMembers = 20_000

// Handler takes fan-out tasks. Safe for concurrent use.
type Handler struct {
	roster  *roster.Roster
	locator Locator
	out     handlers.Outbox
	hints   Hinter
}

// New returns a handler.
func New(groups *roster.Roster, locator Locator, out handlers.Outbox, hints Hinter) *Handler {
	return &Handler{roster: groups, locator: locator, out: out, hints: hints}
}

// Handle delivers a run of tasks, in which the tasks of each group and shard are in order. The tasks of one
// group and shard are done together, wherever they are in the run: their members are looked up once, and each
// gateway gets them in as few records as the queue's limits allow. A task that is handled again is delivered
// again: clients drop what they have.
func (h *Handler) Handle(ctx context.Context, tasks []*pb.FanoutTask) error {
	w := deliver.NewWriter(h.out)
	for _, part := range together(tasks) {
		if err := h.handle(ctx, w, part); err != nil {
			return fmt.Errorf("deliver to group %d: %w", part[0].GetGroupId(), err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		return fmt.Errorf("deliver %d tasks of large groups: %w", len(tasks), err)
	}
	return nil
}

// same identifies the tasks whose order matters among each other.
type same struct {
	kind  pb.FanoutTask_Kind
	group int64
	shard uint32
}

// together groups a run's tasks by same. A change of the members version begins another part, which is handled
// after those before it.
func together(tasks []*pb.FanoutTask) [][]*pb.FanoutTask {
	var parts [][]*pb.FanoutTask
	newest := map[same]int{}
	for _, task := range tasks {
		of := same{task.GetKind(), task.GetGroupId(), task.GetShard()}
		i, known := newest[of]
		if !known || parts[i][0].GetMembersVersion() != task.GetMembersVersion() {
			i = len(parts)
			newest[of], parts = i, append(parts, nil)
		}
		parts[i] = append(parts[i], task)
	}
	return parts
}

// handle delivers tasks of one group, kind, shard and members version.
func (h *Handler) handle(ctx context.Context, w *deliver.Writer, run []*pb.FanoutTask) error {
	first := run[0]
	if k := first.GetKind(); k != pb.FanoutTask_KIND_UNSPECIFIED && k != pb.FanoutTask_KIND_SHARD {
		return contracts.Invalid("kind", fmt.Sprintf("no task is of kind %v", k))
	}
	list, err := h.roster.Of(ctx, first.GetGroupId(), first.GetMembersVersion())
	switch {
	case err != nil:
		return err
	case first.GetKind() == pb.FanoutTask_KIND_SHARD:
		return h.deliver(ctx, w, run, list.Shard(first.GetShard()))
	case len(list.Members) <= DirectMembers:
		return h.deliver(ctx, w, run, list.Members)
	}
	return split(ctx, w, run, list)
}

// split makes a task for each shard that somebody is in.
func split(ctx context.Context, w *deliver.Writer, run []*pb.FanoutTask, list *roster.List) error {
	for _, task := range run {
		extra := [roster.Shards][]int64{}
		for _, id := range task.GetExtraUserIds() {
			extra[roster.ShardOf(id)] = append(extra[roster.ShardOf(id)], id)
		}
		for shard := range uint32(roster.Shards) {
			if len(list.Shard(shard)) == 0 && len(extra[shard]) == 0 {
				continue
			}
			part := proto.CloneOf(task)
			part.Kind, part.Shard, part.Shards, part.ExtraUserIds = pb.FanoutTask_KIND_SHARD, shard, roster.Shards, extra[shard]
			key := task.GetConversationId() + "#" + strconv.Itoa(int(shard))
			if err := w.Record(ctx, contracts.TopicFanout, key, part); err != nil {
				return err
			}
		}
	}
	return nil
}
