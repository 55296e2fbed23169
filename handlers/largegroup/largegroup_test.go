package largegroup

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/deliver"
)

// fakeWorld has members 1..n; every third is online, on gateway a or b.
type fakeWorld struct {
	n     int64
	every []string
	fail  error
	got   map[int64]int
	calls int
}

func (f *fakeWorld) ListMemberIDs(_ context.Context, in *pb.ListMemberIDsRequest, _ ...grpc.CallOption) (*pb.ListMemberIDsResponse, error) {
	out := &pb.ListMemberIDsResponse{}
	for u := in.GetAfterUserId() + 1; u <= f.n; u++ {
		if len(out.GetUserIds()) == int(in.GetLimit()) {
			out.HasMore = true
			break
		}
		out.UserIds = append(out.UserIds, u)
	}
	return out, nil
}

func (f *fakeWorld) Locate(_ context.Context, in *pb.LocateRequest, _ ...grpc.CallOption) (*pb.LocateResponse, error) {
	a, b := &pb.GatewayUsers{GatewayId: "a"}, &pb.GatewayUsers{GatewayId: "b"}
	for _, u := range in.GetUserIds() {
		switch u % 6 {
		case 0:
			a.UserIds = append(a.UserIds, u)
		case 3:
			b.UserIds = append(b.UserIds, u)
		}
	}
	return &pb.LocateResponse{Gateways: []*pb.GatewayUsers{a, b}, EveryGateway: f.every}, nil
}

func (f *fakeWorld) Publish(_ context.Context, records ...deliver.Record) error {
	f.calls++
	if f.fail != nil {
		return f.fail
	}
	for _, r := range records {
		var d pb.Downstream
		if err := proto.Unmarshal(r.Payload, &d); err != nil {
			return err
		}
		for _, u := range d.GetDeliveries()[0].GetUserIds() {
			f.got[u]++
		}
	}
	return nil
}

func TestEveryOnlineMemberOnce(t *testing.T) {
	const n = 2*PageSize + 10
	f := &fakeWorld{n: n, got: map[int64]int{}}
	task := &pb.FanoutTask{GroupId: 1, Message: &pb.Message{ConversationId: "group_1", SeqId: 7}}
	if err := New(f, f, f).Handle(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	for u := int64(1); u <= n; u++ {
		want := 0
		if u%3 == 0 {
			want = 1
		}
		if f.got[u] != want {
			t.Fatalf("member %d got %d copies, want %d", u, f.got[u], want)
		}
	}
	if f.calls != 3 {
		t.Errorf("%d publishes for %d members, want one a page", f.calls, n)
	}
}

func TestGatewayWithoutSessionsGetsAll(t *testing.T) {
	f := &fakeWorld{n: 12, got: map[int64]int{}, every: []string{"a"}}
	if err := New(f, f, f).Handle(t.Context(), &pb.FanoutTask{Message: &pb.Message{}}); err != nil {
		t.Fatal(err)
	}
	if f.got[5] != 1 || f.got[3] != 2 {
		t.Errorf("copies: %v, want all on a and every sixth on b too", f.got)
	}
}

func TestFailureIsReturned(t *testing.T) {
	f := &fakeWorld{n: 12, fail: errors.New("away")}
	if err := New(f, f, f).Handle(t.Context(), &pb.FanoutTask{Message: &pb.Message{}}); !errors.Is(err, f.fail) {
		t.Errorf("error %v", err)
	}
}
