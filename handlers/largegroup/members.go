package largegroup

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/deliver"
	"github.com/gochat/gochat/handlers/reach"
	"github.com/gochat/gochat/handlers/roster"
)

// deliver hands a run of tasks to the gateways of these members of their group, and of those whom
// a task names besides.
func (h *Handler) deliver(ctx context.Context, w *deliver.Writer, run []*pb.FanoutTask, members []roster.Member) error {
	ask := withExtra(run, members)
	at, err := h.locate(ctx, run[0], ask, bound(run))
	if err != nil {
		return err
	}
	if len(at.skipped) > 0 {
		h.hint(run, ask, members, at.skipped)
	}
	pushes, bare := make([]*deliver.Push, len(run)), make([][]int64, len(run))
	for i, task := range run {
		pushes[i], bare[i] = deliver.NewPush(task.GetMessage(), task.GetExceptConnectionId(), task.GetTraceParent(), true), roster.Bare(members, task.GetMessage())
	}
	for _, gw := range at.order {
		of := newAudience(at.users[gw], members)
		for i, task := range run {
			users := of.addressed(task)
			if len(users) == 0 {
				continue
			}
			if task.GetMessage() == nil {
				err = w.Push(ctx, gw, &pb.Delivery{
					UserIds: users, Class: pb.Delivery_CLASS_CONTROL, FrameType: contracts.FrameGroup, Frame: task.GetFrame(),
				})
			} else {
				full, without := roster.Split(users, bare[i])
				err = pushes[i].To(ctx, w, gw, false, full, without)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// withExtra lists the members, whether or not this or that task is for them, and those whom tasks
// name besides, each once.
func withExtra(run []*pb.FanoutTask, members []roster.Member) []int64 {
	out := make([]int64, len(members))
	for i, m := range members {
		out[i] = m.UserID
	}
	seen := map[int64]bool{}
	for _, task := range run {
		for _, id := range task.GetExtraUserIds() {
			if _, member := roster.Find(members, id); !member && !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

// located are the gateways of users.
type located struct {
	users map[string][]int64
	order []string
	// skipped are gateways that may hold some of the users and are too many to push to.
	skipped []string
}

// locate finds the gateways of users, a page at a time; at most so many on the mere chance.
func (h *Handler) locate(ctx context.Context, task *pb.FanoutTask, users []int64, most int) (*located, error) {
	out := &located{users: map[string][]int64{}}
	for page := range slices.Chunk(users, PageSize) {
		found, err := h.locator.Locate(ctx, &pb.LocateRequest{UserIds: page})
		if err != nil {
			return nil, fmt.Errorf("locate %d members of group %d: %w", len(page), task.GetGroupId(), err)
		}
		at := reach.Of(found, most)
		for _, r := range at.Routes(page) {
			if _, known := out.users[r.GatewayID]; !known {
				out.order = append(out.order, r.GatewayID)
			}
			out.users[r.GatewayID] = append(out.users[r.GatewayID], r.Users...)
		}
		for _, gw := range at.Skipped() {
			if !slices.Contains(out.skipped, gw) {
				out.skipped = append(out.skipped, gw)
			}
		}
	}
	return out, nil
}

// bound is to how many gateways a run is pushed on the mere chance: a group event cannot be
// pulled, and comes seldom.
func bound(run []*pb.FanoutTask) int {
	for _, task := range run {
		if task.GetMessage() == nil {
			return reach.All
		}
	}
	return reach.Most
}

// hint tells those who were not pushed to of the run's newest message.
func (h *Handler) hint(run []*pb.FanoutTask, users []int64, members []roster.Member, gateways []string) {
	newest := run[0]
	for _, task := range run {
		if task.GetMessage().GetSeqId() > newest.GetMessage().GetSeqId() {
			newest = task
		}
	}
	m := newest.GetMessage()
	h.hints.Hint(m.GetConversationId(), m.GetSeqId(), newAudience(users, members).addressed(newest), gateways)
}

// audience is who gets what goes to one gateway. While it is not known who is connected where
// that is the whole shard, for each of many gateways and each task of a run: so the members are
// looked up once for all tasks.
type audience struct {
	users  []int64
	joined []uint64 // after which number each of the users is a member; strangers are none
	latest uint64   // of joined
}

// stranger is what joined says of somebody who is no member.
const stranger = math.MaxUint64

func newAudience(users []int64, members []roster.Member) audience {
	a := audience{users: users, joined: make([]uint64, len(users))}
	for i, id := range users {
		a.joined[i] = stranger
		if m, member := roster.Find(members, id); member {
			a.joined[i] = m.JoinSeq
		}
		a.latest = max(a.latest, a.joined[i])
	}
	return a
}

// addressed returns those of the users whom a task is for. It must not be changed.
func (a audience) addressed(task *pb.FanoutTask) []int64 {
	if m := task.GetMessage(); m != nil && a.latest < m.GetSeqId() {
		return a.users // all of them, which is the rule
	}
	out := make([]int64, 0, len(a.users))
	for i, id := range a.users {
		member := a.joined[i] != stranger
		switch {
		case task.GetMessage() == nil && (member || slices.Contains(task.GetExtraUserIds(), id)),
			task.GetMessage() != nil && a.joined[i] < task.GetMessage().GetSeqId():
			out = append(out, id)
		}
	}
	return out
}
