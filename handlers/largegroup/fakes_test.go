package largegroup

import (
	"context"
	"fmt"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/roster"
)

// fakeWorld has members 1..n; every third is online, on gateway a or b. It is a queue, too:
// tasks are kept by key, and run takes them.
type fakeWorld struct {
	n      int64
	joined map[int64]uint64
	every  []string
	fail   error
	asked  int
	lists  int // pages of members

	tasks map[string][]*pb.FanoutTask
	// got is what each user gets, in order.
	got     map[int64][]string
	records int
	hinted  map[int64]uint64
}

// Hint remembers the newest hint of each user.
func (f *fakeWorld) Hint(_ string, seq uint64, users []int64, gateways []string) {
	if len(gateways) != len(f.every) {
		panic(fmt.Sprint("hints to ", gateways))
	}
	for _, u := range users {
		f.hinted[u] = max(f.hinted[u], seq)
	}
}

func newWorld(n int64) *fakeWorld {
	return &fakeWorld{n: n, tasks: map[string][]*pb.FanoutTask{}, got: map[int64][]string{}, joined: map[int64]uint64{}, hinted: map[int64]uint64{}}
}

func (f *fakeWorld) ListMemberIDs(_ context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	f.lists++
	out := &pb.ListMemberIDsResponse{}
	for u := in.GetAfterUserId() + 1; u <= f.n; u++ {
		if len(out.GetUserIds()) == int(in.GetLimit()) {
			out.HasMore = true
			break
		}
		out.UserIds, out.JoinSeqs = append(out.UserIds, u), append(out.JoinSeqs, f.joined[u])
	}
	return out, nil
}

func (f *fakeWorld) Locate(_ context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error) {
	f.asked++
	if len(in.GetUserIds()) > PageSize {
		return nil, fmt.Errorf("%d users at once", len(in.GetUserIds()))
	}
	a, b := &pb.GatewayUsers{GatewayId: "a"}, &pb.GatewayUsers{GatewayId: "b"}
	for _, u := range in.GetUserIds() {
		switch u % 6 {
		case 0:
			a.UserIds = append(a.UserIds, u)
		case 3:
			b.UserIds = append(b.UserIds, u)
		}
	}
	return &pb.LocateResponse{Gateways: []*pb.GatewayUsers{a, b}, StaleGateways: f.every}, nil
}

// classes are the delivery classes of frames: a message can be pulled later, a group event cannot.
var classes = map[string]pb.Delivery_Class{
	contracts.FrameNew: pb.Delivery_CLASS_PUSH, contracts.FrameGroup: pb.Delivery_CLASS_CONTROL,
}

func (f *fakeWorld) Publish(_ context.Context, records ...handlers.Record) error {
	if f.fail != nil {
		return f.fail
	}
	for _, r := range records {
		if r.Topic == contracts.TopicFanout {
			f.tasks[r.Key] = append(f.tasks[r.Key], r.Message.(*pb.FanoutTask))
			continue
		}
		f.records++
		for _, one := range r.Message.(*pb.Downstream).GetDeliveries() {
			if want := classes[one.GetFrameType()]; want == 0 || one.GetClass() != want {
				return fmt.Errorf("a frame goes as %q of %v, want %v", one.GetFrameType(), one.GetClass(), want)
			}
			for _, u := range one.GetUserIds() {
				f.got[u] = append(f.got[u], string(one.GetFrame()))
			}
		}
	}
	return nil
}

func (f *fakeWorld) handler() *Handler { return New(roster.New(f), f, f, f) }

// run handles tasks, then what they are split into, in whatever order of shards.
func (f *fakeWorld) run(t *testing.T, tasks ...*pb.FanoutTask) {
	t.Helper()
	h := f.handler()
	if err := h.Handle(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	for key, shard := range f.tasks {
		if err := h.Handle(t.Context(), shard); err != nil {
			t.Fatalf("shard %s: %v", key, err)
		}
	}
}

func message(seq uint64) *pb.FanoutTask {
	return &pb.FanoutTask{
		GroupId: 1, MembersVersion: 3, ConversationId: "group_1",
		Message: &pb.Message{ConversationId: "group_1", SeqId: seq, Content: fmt.Sprint("message ", seq)},
	}
}
