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

// deliver pushes a run of tasks to the gateways of these members of their group, and of the tasks' extra users.
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

// withExtra lists the users to locate, each once: all members, even those whom no task is for, and the tasks'
// extra users.
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

// locate finds the gateways of users, a page at a time. The gateways that may or may not hold users of a page
// get pushes, unless there are more than most of them: then they are skipped.
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

// bound returns how many gateways that may or may not hold the users may get a run's pushes. A group event goes
// to all of them: it cannot be pulled, and is rare.
func bound(run []*pb.FanoutTask) int {
	for _, task := range run {
		if task.GetMessage() == nil {
			return reach.NoLimit
		}
	}
	return reach.MaxUnsureGateways
}

// hint sends the users of skipped gateways a hint at the run's newest message.
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

// audience says which of a gateway's users a task is for. While the registry does not know who is connected
// where, these users are all members of the list, for each of many gateways and each task of a run: so their
// join floors are looked up once for all tasks.
type audience struct {
	users  []int64
	joined []uint64 // the join floor of each user, or stranger
	latest uint64   // the largest of joined
}

// stranger stands in joined for a user who is no member.
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

// addressed returns those of the users whom a task is for. The result may be a.users and must not be changed.
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
