// Package largegroup delivers to groups that are too large for the message pipeline. A task is
// split into one for each shard of the members; a member is always in the same shard, whose
// tasks are taken one after the other.
package largegroup

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/deliver"
	"github.com/gochat/gochat/handlers/roster"
)

// Locator knows through which gateways users are connected.
type Locator interface {
	Locate(ctx context.Context, in *pb.LocateRequest, opts ...grpc.CallOption) (*pb.LocateResponse, error)
}

// Outbox publishes records, all or none.
type Outbox interface {
	Publish(ctx context.Context, records ...deliver.Record) error
}

// Hinter lets users who are connected through one of the gateways know that there is
// something to pull.
type Hinter interface {
	Hint(conversation string, seq uint64, users []int64, gateways []string)
}

// PageSize is how many members are located at a time.
const PageSize = 5000

// processor does the tasks of one kind. All tasks of a call are of one group, and of one shard.
type processor func(ctx context.Context, run []*pb.FanoutTask) error

// Handler takes fan-out tasks. Safe for concurrent use.
type Handler struct {
	roster     *roster.Roster
	locator    Locator
	out        Outbox
	hints      Hinter
	processors map[pb.FanoutTask_Kind]processor
}

// New returns a handler.
func New(groups *roster.Roster, locator Locator, out Outbox, hints Hinter) *Handler {
	h := &Handler{roster: groups, locator: locator, out: out, hints: hints}
	h.processors = map[pb.FanoutTask_Kind]processor{
		pb.FanoutTask_KIND_UNSPECIFIED: h.split,
		pb.FanoutTask_KIND_SHARD:       h.deliver,
	}
	return h
}

// Handle takes a run of tasks, in order. What belongs together is done together. A task that is
// handled again delivers again: clients drop what they have.
func (h *Handler) Handle(ctx context.Context, tasks []*pb.FanoutTask) error {
	for len(tasks) > 0 {
		n := 1
		for n < len(tasks) && together(tasks[0], tasks[n]) {
			n++
		}
		do := h.processors[tasks[0].GetKind()]
		if do == nil {
			return contracts.Invalid("kind", fmt.Sprintf("no task is of kind %v", tasks[0].GetKind()))
		}
		if err := do(ctx, tasks[:n]); err != nil {
			return err
		}
		tasks = tasks[n:]
	}
	return nil
}

func together(a, b *pb.FanoutTask) bool {
	return a.GetKind() == b.GetKind() && a.GetGroupId() == b.GetGroupId() && a.GetShard() == b.GetShard() &&
		a.GetMembersVersion() == b.GetMembersVersion()
}

// split makes a task for each shard that somebody is in.
func (h *Handler) split(ctx context.Context, run []*pb.FanoutTask) error {
	list, err := h.roster.Of(ctx, run[0].GetGroupId(), run[0].GetMembersVersion())
	if err != nil {
		return err
	}
	w := deliver.NewWriter(h.out)
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
				return failed(task, err)
			}
		}
	}
	return failed(run[0], w.Flush(ctx))
}

// failed says of which group something failed.
func failed(task *pb.FanoutTask, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("deliver to group %d: %w", task.GetGroupId(), err)
}
