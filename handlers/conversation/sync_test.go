package conversation

import (
	"fmt"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestSyncBounds(t *testing.T) {
	have := func(n int) map[string]uint64 {
		m := make(map[string]uint64, n)
		for i := range n {
			m[fmt.Sprintf("group_%d", i+1)] = 1
		}
		return m
	}
	tests := map[string]struct {
		in    *pb.SyncAllRequest
		wrong string
		want  *pb.SyncRequest
	}{
		"nothing":                  {&pb.SyncAllRequest{}, "", &pb.SyncRequest{Limit: 50}},
		"limit 1":                  {&pb.SyncAllRequest{Limit: 1}, "", &pb.SyncRequest{Limit: 1}},
		"limit 200":                {&pb.SyncAllRequest{Limit: 200}, "", &pb.SyncRequest{Limit: 200}},
		"limit 201":                {&pb.SyncAllRequest{Limit: 201}, "limit", nil},
		"limit -1":                 {&pb.SyncAllRequest{Limit: -1}, "limit", nil},
		"as many as can be":        {&pb.SyncAllRequest{Have: have(4)}, "", &pb.SyncRequest{Limit: 50, Have: have(4)}},
		"one too many":             {&pb.SyncAllRequest{Have: have(5)}, "conversations", nil},
		"what is no id":            {&pb.SyncAllRequest{Have: map[string]uint64{single: 1, "x": 1}}, "", &pb.SyncRequest{Limit: 50, Have: map[string]uint64{single: 1}}},
		"an empty id":              {&pb.SyncAllRequest{Have: map[string]uint64{"": 0}}, "", &pb.SyncRequest{Limit: 50}},
		"every kind":               {&pb.SyncAllRequest{Have: map[string]uint64{single: 0, group: 3, world: 7}}, "", &pb.SyncRequest{Limit: 50, Have: map[string]uint64{single: 0, group: 3, world: 7}}},
		"numbers over signed ones": {&pb.SyncAllRequest{Have: map[string]uint64{single: math.MaxUint64}}, "", &pb.SyncRequest{Limit: 50, Have: map[string]uint64{single: math.MaxInt64}}},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			limits := contracts.DefaultLimits()
			limits.SyncConversations = 4
			s, f, _ := newService(t, Config{Limits: limits})
			tt.in.CallerId = ann
			_, err := s.SyncAll(t.Context(), tt.in)
			if tt.wrong != "" {
				if e := wantCode(t, err, contracts.CodeInvalidArgument); e.Fields[tt.wrong] == "" || f.sync != nil {
					t.Errorf("fields are %v, the store is asked for %v", e.Fields, f.sync)
				}
				return
			}
			tt.want.UserId = ann
			if err != nil || !proto.Equal(f.sync, tt.want) {
				t.Errorf("the store is asked for %v, %v; want %v", f.sync, err, tt.want)
			}
		})
	}
}

func TestSyncAnswersWhatTheStoreHas(t *testing.T) {
	s, f, _ := newService(t, Config{})
	news := []*pb.Message{{SeqId: 9}, {SeqId: 10}}
	f.synced = &pb.SyncResponse{More: true, Conversations: []*pb.SyncConversation{
		{ConversationId: single, LastSeq: 10, ReadSeq: 8, Messages: news, HasMore: true}, {ConversationId: world, LastSeq: 1},
	}}
	got, err := s.SyncAll(t.Context(), &pb.SyncAllRequest{CallerId: ann})
	want := &pb.SyncAllResponse{More: true, Conversations: []*pb.SyncedConversation{
		{ConversationId: single, LastSeq: 10, ReadSeq: 8, Messages: news, HasMore: true}, {ConversationId: world, LastSeq: 1},
	}}
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
