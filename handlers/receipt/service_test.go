package receipt

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

var single = string(contracts.SingleConversation(1, 2))

type fakeReceipts struct {
	marked  []*pb.DeliveredTo
	moved   []*pb.MovedDelivery
	asked   *pb.ReadersRequest
	readers *pb.ReadersResponse
	err     error
}

func (f *fakeReceipts) MarkDelivered(_ context.Context, in *pb.MarkDeliveredRequest) (*pb.MarkDeliveredResponse, error) {
	f.marked = in.GetDelivered()
	return &pb.MarkDeliveredResponse{Moved: f.moved}, f.err
}

func (f *fakeReceipts) Readers(_ context.Context, in *pb.ReadersRequest) (*pb.ReadersResponse, error) {
	f.asked = in
	return f.readers, f.err
}

type fakeNotifier struct {
	to  map[contracts.UserID][]*pb.Delivery
	err error
}

func (n *fakeNotifier) NotifyEach(ctx context.Context, to map[contracts.UserID][]*pb.Delivery) error {
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("a notification without a deadline")
	}
	n.to = to
	return n.err
}

func newService(t *testing.T) (*Service, *fakeReceipts, *fakeNotifier) {
	t.Helper()
	f, n := &fakeReceipts{readers: &pb.ReadersResponse{}}, &fakeNotifier{}
	s, err := New(f, n)
	if err != nil {
		t.Fatal(err)
	}
	return s, f, n
}

func code(err error) contracts.Code {
	if err == nil {
		return ""
	}
	return contracts.AsError(err).Code
}

func to(user int64, conv string, seq uint64) *pb.DeliveredTo {
	return &pb.DeliveredTo{UserId: user, ConversationId: conv, SeqId: seq}
}

func TestDeliverTellsPeersOfSingleChats(t *testing.T) {
	s, f, n := newService(t)
	f.moved = []*pb.MovedDelivery{
		{UserId: 1, ConversationId: single, DeliveredSeq: 5, Type: pb.ConversationType_CONVERSATION_TYPE_SINGLE, PeerId: 2},
		{UserId: 1, ConversationId: "group_9", DeliveredSeq: 5, Type: pb.ConversationType_CONVERSATION_TYPE_GROUP, PeerId: 2},
		{UserId: 1, ConversationId: single, DeliveredSeq: 5, Type: pb.ConversationType_CONVERSATION_TYPE_SINGLE},
	}
	resp, err := s.Deliver(t.Context(), &pb.DeliverRequest{Delivered: []*pb.DeliveredTo{
		to(1, single, math.MaxUint64), to(1, "group_9", 3),
		to(0, single, 1), to(1, "nonsense", 1), to(1, "world", 1), to(1, single, 0), // nothing to keep
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.GetMoved(); len(got) != 3 || got[1].GetUserId() != 1 || got[1].GetConversationId() != "group_9" || got[1].GetSeqId() != 5 {
		t.Errorf("said that %v moved", got)
	}
	if len(f.marked) != 2 || f.marked[0].GetSeqId() != math.MaxInt64 || f.marked[1].GetConversationId() != "group_9" {
		t.Errorf("marked %v", f.marked)
	}
	if len(n.to) != 1 || len(n.to[2]) != 1 {
		t.Fatalf("told %v, want one frame for user 2", n.to)
	}
	want := `{"type":"delivered","data":{"conversationId":"` + single + `","userId":"1","deliveredSeq":5}}`
	if got := string(n.to[2][0].GetFrame()); got != want {
		t.Errorf("frame is %s, want %s", got, want)
	}
	if d := n.to[2][0]; d.GetFrameType() != contracts.FrameDelivered || d.GetClass() != pb.Delivery_CLASS_EVENT {
		t.Errorf("it goes as %q of %v, want an event", d.GetFrameType(), d.GetClass())
	}
	n.err = errors.New("broker is down")
	if _, err := s.Deliver(t.Context(), &pb.DeliverRequest{Delivered: []*pb.DeliveredTo{to(1, single, 5)}}); err != nil {
		t.Errorf("the positions are moved: %v", err)
	}
}

func TestDeliverFails(t *testing.T) {
	s, f, n := newService(t)
	if _, err := s.Deliver(t.Context(), &pb.DeliverRequest{Delivered: []*pb.DeliveredTo{to(1, "world", 1)}}); err != nil || f.marked != nil {
		t.Errorf("nothing is kept of world: %v, %v", f.marked, err)
	}
	_, err := s.Deliver(t.Context(), &pb.DeliverRequest{Delivered: slices.Repeat([]*pb.DeliveredTo{to(1, single, 1)}, contracts.DeliveredBatch+1)})
	if code(err) != contracts.CodeInvalidArgument {
		t.Error(err)
	}
	f.err = contracts.NewError(contracts.CodeUnavailable, "")
	_, err = s.Deliver(t.Context(), &pb.DeliverRequest{Delivered: []*pb.DeliveredTo{to(1, single, 1)}})
	if code(err) != contracts.CodeUnavailable || n.to != nil {
		t.Errorf("got %v and told %v", err, n.to)
	}
}

func TestListReaders(t *testing.T) {
	type request = pb.ListReadersRequest
	for what, tt := range map[string]struct {
		in   *request
		err  error
		want contracts.Code
	}{
		"well":            {&request{CallerId: 1, ConversationId: single, SeqId: 4, Cursor: "17", Limit: 2}, nil, ""},
		"nobody":          {&request{ConversationId: single, SeqId: 4}, nil, contracts.CodeUnauthenticated},
		"world":           {&request{CallerId: 1, ConversationId: "world", SeqId: 4}, nil, contracts.CodePermissionDenied},
		"nonsense":        {&request{CallerId: 1, ConversationId: "x", SeqId: 4}, nil, contracts.CodeNotFound},
		"a bad cursor":    {&request{CallerId: 1, ConversationId: single, SeqId: 4, Cursor: "x"}, nil, contracts.CodeInvalidArgument},
		"too many":        {&request{CallerId: 1, ConversationId: single, SeqId: 4, Limit: contracts.ReadersMax + 1}, nil, contracts.CodeInvalidArgument},
		"less than none":  {&request{CallerId: 1, ConversationId: single, SeqId: 4, Limit: -1}, nil, contracts.CodeInvalidArgument},
		"not a member":    {&request{CallerId: 1, ConversationId: single, SeqId: 4}, contracts.NewError(contracts.CodeNotFound, "row"), contracts.CodeNotFound},
		"a store away":    {&request{CallerId: 1, ConversationId: single, SeqId: 4}, contracts.NewError(contracts.CodeUnavailable, ""), contracts.CodeUnavailable},
		"a store at odds": {&request{CallerId: 1, ConversationId: single, SeqId: 4}, contracts.Invalid("limit", "small"), contracts.CodeInternal},
	} {
		t.Run(what, func(t *testing.T) {
			s, f, _ := newService(t)
			f.err = tt.err
			f.readers = &pb.ReadersResponse{ReadCount: 3, DeliveredCount: 4, MemberCount: 5, HasMore: true, Readers: []*pb.Reader{{UserId: 18}, {UserId: 19}}}
			resp, err := s.ListReaders(t.Context(), tt.in)
			if code(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err != nil {
				return
			}
			if resp.GetNextCursor() != "19" || resp.GetReadCount() != 3 || resp.GetDeliveredCount() != 4 || resp.GetMemberCount() != 5 {
				t.Errorf("got %v", resp)
			}
			if f.asked.GetAfterUserId() != 17 || f.asked.GetLimit() != 2 || f.asked.GetUserId() != 1 || f.asked.GetSeqId() != 4 {
				t.Errorf("asked %v", f.asked)
			}
		})
	}
}
