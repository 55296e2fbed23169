package message

import (
	"context"
	"errors"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	ann, bob, eve = 1, 2, 3
	joinSeq       = 5
)

var (
	single = string(contracts.SingleConversation(ann, bob))
	group  = string(contracts.GroupConversation(9))
	world  = string(contracts.World)
)

// fakeConversations has ann and bob in a single chat and a group, and everyone
// in world.
type fakeConversations struct {
	asked int
	err   error
	facts func([]*pb.Membership) []*pb.Membership
}

func in(conv string, user int64) bool {
	return conv == world || (conv == single || conv == group) && (user == ann || user == bob)
}

func (f *fakeConversations) Memberships(_ context.Context, req *pb.MembershipsRequest) (*pb.MembershipsResponse, error) {
	f.asked++
	resp := &pb.MembershipsResponse{}
	for _, k := range req.GetKeys() {
		conv := k.GetConversationId()
		exists := conv == single || conv == group || conv == world
		m := &pb.Membership{Exists: exists, Member: exists && in(conv, k.GetUserId())}
		if m.GetMember() && conv != single {
			m.JoinSeq = joinSeq // world has one as well, after which messages count as unread
		}
		resp.Memberships = append(resp.Memberships, m)
	}
	if f.facts != nil {
		resp.Memberships = f.facts(resp.GetMemberships())
	}
	return resp, f.err
}

// fakeMessages remembers what it was asked; one send of ann's is stored.
type fakeMessages struct {
	page    *pb.HistoryRequest
	outcome *pb.FindOutcomeRequest
	err     error
}

var stored = &pb.Message{MessageId: 70, ConversationId: single, SeqId: 6, SenderId: ann, TempMessageId: "t:1"}

func (f *fakeMessages) History(_ context.Context, req *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	f.page = req
	if f.err != nil {
		return nil, f.err
	}
	return &pb.HistoryResponse{Messages: []*pb.Message{stored}, LastSeq: 8, HasMore: true}, nil
}

func (f *fakeMessages) FindOutcome(_ context.Context, req *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error) {
	f.outcome = req
	if f.err != nil {
		return nil, f.err
	}
	if req.GetSenderId() != ann || req.GetTempMessageId() != "t:1" {
		return &pb.FindOutcomeResponse{Message: &pb.Message{}}, nil
	}
	return &pb.FindOutcomeResponse{Stored: true, Message: stored}, nil
}

func newService(t *testing.T) (*Service, *fakeConversations, *fakeMessages) {
	t.Helper()
	c, m := &fakeConversations{}, &fakeMessages{}
	s, err := New(Config{}, c, m)
	if err != nil {
		t.Fatal(err)
	}
	return s, c, m
}

func wantCode(t *testing.T, err error, code contracts.Code) *contracts.Error {
	t.Helper()
	var e *contracts.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return e
}
