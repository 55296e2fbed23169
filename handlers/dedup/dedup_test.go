package dedup

import (
	"context"
	"errors"
	"testing"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

type fakeIndex struct {
	hits    map[string]int64
	stored  map[string]*pb.Message
	err     error
	readErr error
}

func (f fakeIndex) LookupDedup(_ context.Context, in *pb.LookupDedupRequest) (*pb.LookupDedupResponse, error) {
	if f.err != nil {
		return nil, f.err
	}
	out := &pb.LookupDedupResponse{}
	for _, k := range in.GetKeys() {
		out.Stored = append(out.Stored, &pb.Message{MessageId: f.hits[k.GetTempMessageId()]})
	}
	return out, nil
}

func (f fakeIndex) FindOutcome(_ context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error) {
	m := f.stored[in.GetTempMessageId()]
	return &pb.FindOutcomeResponse{Stored: m != nil, Message: m}, f.readErr
}

func TestDedup(t *testing.T) {
	away := errors.New("away")
	old := &pb.Message{MessageId: 5, SeqId: 3, Content: "as stored"}
	for name, tc := range map[string]struct {
		index   fakeIndex
		want    *pb.Message
		wantErr error
	}{
		"new":                               {index: fakeIndex{}},
		"stored, content from the store":    {index: fakeIndex{hits: map[string]int64{"t": 5}, stored: map[string]*pb.Message{"t": old}}, want: old},
		"in the cache but not in the store": {index: fakeIndex{hits: map[string]int64{"t": 5}}},
		"cache away is a miss":              {index: fakeIndex{err: away}},
		"database away is an error":         {index: fakeIndex{hits: map[string]int64{"t": 5}, readErr: away}, wantErr: away},
	} {
		t.Run(name, func(t *testing.T) {
			it := &handlers.Item{Upstream: &pb.Upstream{SenderId: 1, ConversationId: "world", TempMessageId: "t", Content: "as sent again"}}
			called := false
			next := func(context.Context, *handlers.Envelope) error { called = true; return nil }
			err := New(tc.index)(next)(t.Context(), &handlers.Envelope{Items: []*handlers.Item{it}})
			if !errors.Is(err, tc.wantErr) {
				t.Fatalf("error %v, want %v", err, tc.wantErr)
			}
			if called != (tc.wantErr == nil) {
				t.Errorf("next called: %v", called)
			}
			if it.Message() != tc.want {
				t.Errorf("stored %v, want %v", it.Message(), tc.want)
			}
		})
	}
}
