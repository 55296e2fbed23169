package authorize

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

type fakeDirectory struct {
	facts   map[string]*pb.Membership
	users   map[int64]bool
	made    int
	err     error
	stored  map[string]*pb.Message
	ensured error
	begun   int  // calls of BeginSingles
	older   bool // there is no BeginSingles
	// history is of every conversation; asked is what was wanted of it last.
	history map[uint64]*pb.Message
	asked   *pb.HistoryRequest
	broken  error
}

func (f *fakeDirectory) History(_ context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	f.asked = in
	out := &pb.HistoryResponse{}
	if m := f.history[in.GetAfterSeq()+1]; m != nil && m.GetSeqId() > in.GetFloorSeq() {
		out.Messages = append(out.Messages, m)
	}
	return out, f.broken
}

func (f *fakeDirectory) Memberships(_ context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error) {
	if f.err != nil {
		return nil, f.err
	}
	out := &pb.MembershipsResponse{}
	for _, k := range in.GetKeys() {
		m := f.facts[k.GetConversationId()]
		if m == nil {
			m = &pb.Membership{}
		}
		out.Memberships = append(out.Memberships, m)
	}
	return out, nil
}

func (f *fakeDirectory) BeginSingles(ctx context.Context, in *pb.BeginSinglesRequest) (*pb.BeginSinglesResponse, error) {
	f.begun++
	if f.older {
		return nil, status.Error(codes.Unimplemented, "unknown method BeginSingles")
	}
	if f.ensured != nil && !contracts.IsPermanent(f.ensured) {
		return nil, f.ensured
	}
	out := &pb.BeginSinglesResponse{}
	for _, m := range in.GetMessages() {
		one := &pb.SingleBegun{Stored: f.stored[m.GetTempMessageId()]}
		if one.GetStored() == nil {
			_, err := f.EnsureSingle(ctx, &pb.EnsureSingleRequest{UserId: m.GetSenderId(), PeerId: m.GetReceiverId()})
			one.There = err == nil
		}
		out.Results = append(out.Results, one)
	}
	return out, nil
}

func (f *fakeDirectory) EnsureSingle(_ context.Context, in *pb.EnsureSingleRequest) (*pb.EnsureSingleResponse, error) {
	if f.ensured != nil {
		return nil, f.ensured
	}
	if !f.users[in.GetPeerId()] {
		return nil, contracts.NewError(contracts.CodeNotFound, "")
	}
	f.made++
	f.facts["single"] = &pb.Membership{Exists: true, Member: true, UserIds: []int64{1, in.GetPeerId()}}
	return &pb.EnsureSingleResponse{ConversationId: "single", Created: true}, nil
}

func (f *fakeDirectory) FindOutcome(_ context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error) {
	m := f.stored[in.GetTempMessageId()]
	return &pb.FindOutcomeResponse{Stored: m != nil, Message: m}, nil
}

// sending is a message in the conversations of a directory, and what becomes of it.
type sending struct {
	dir      *fakeDirectory
	up       *pb.Upstream
	rejected contracts.Code
	stored   bool
	wantErr  bool
	made     int
}

func sendings() map[string]sending {
	away := contracts.NewError(contracts.CodeUnavailable, "")
	member := map[string]*pb.Membership{"c": {Exists: true, Member: true}}
	return map[string]sending{
		"member":               {dir: &fakeDirectory{facts: member}, up: &pb.Upstream{ConversationId: "c"}},
		"no such conversation": {dir: &fakeDirectory{}, up: &pb.Upstream{ConversationId: "x"}, rejected: contracts.CodeNotFound},
		"outsider": {
			dir: &fakeDirectory{facts: map[string]*pb.Membership{"c": {Exists: true}}},
			up:  &pb.Upstream{ConversationId: "c"}, rejected: contracts.CodeNotFound,
		},
		"dissolved": {
			dir: &fakeDirectory{facts: map[string]*pb.Membership{"c": {Exists: true, Member: true, Dissolved: true}}},
			up:  &pb.Upstream{ConversationId: "c"}, rejected: contracts.CodeConflict,
		},
		"first message to a user makes the chat": {
			dir: &fakeDirectory{facts: map[string]*pb.Membership{}, users: map[int64]bool{2: true}},
			up:  &pb.Upstream{ConversationId: "single", ReceiverId: 2}, made: 1,
		},
		"stored elsewhere makes no chat": {
			dir: &fakeDirectory{
				facts: map[string]*pb.Membership{}, users: map[int64]bool{2: true},
				stored: map[string]*pb.Message{"t": {MessageId: 1, ConversationId: "c"}},
			},
			up: &pb.Upstream{ConversationId: "single", ReceiverId: 2}, stored: true,
		},
		"no such user": {
			dir: &fakeDirectory{facts: map[string]*pb.Membership{}},
			up:  &pb.Upstream{ConversationId: "single", ReceiverId: 9}, rejected: contracts.CodeNotFound,
		},
		"removed since, but stored before": {
			dir: &fakeDirectory{
				facts:  map[string]*pb.Membership{"c": {Exists: true}},
				stored: map[string]*pb.Message{"t": {MessageId: 1}},
			},
			up: &pb.Upstream{ConversationId: "c"}, stored: true,
		},
		"directory away is no rejection": {dir: &fakeDirectory{err: away}, up: &pb.Upstream{ConversationId: "c"}, wantErr: true},
		"making the chat fails": {
			dir: &fakeDirectory{facts: map[string]*pb.Membership{}, ensured: away},
			up:  &pb.Upstream{ConversationId: "single", ReceiverId: 2}, wantErr: true,
		},
	}
}

func TestAuthorize(t *testing.T) {
	for name, tc := range sendings() {
		t.Run(name, func(t *testing.T) {
			tc.up.SenderId, tc.up.TempMessageId = 1, "t"
			it := &handlers.Item{Upstream: tc.up}
			next := func(context.Context, *handlers.Envelope) error { return nil }
			err := New(NewWindows(DefaultConfig()), tc.dir, tc.dir, tc.dir)(next)(t.Context(), &handlers.Envelope{Items: []*handlers.Item{it}})
			if (err != nil) != tc.wantErr {
				t.Fatalf("error %v, want one: %v", err, tc.wantErr)
			}
			var got contracts.Code
			if it.Reason() != nil {
				got = it.Reason().Code
			}
			if got != tc.rejected || (it.Message() != nil) != tc.stored || tc.dir.made != tc.made {
				t.Errorf("rejected %q stored %v made %d, want %q %v %d", got, it.Message() != nil, tc.dir.made, tc.rejected, tc.stored, tc.made)
			}
			if err != nil && errors.Is(err, contracts.NewError(contracts.CodeNotFound, "")) {
				t.Error("a dependency's absence looks like not_found")
			}
		})
	}
}
