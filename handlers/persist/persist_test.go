package persist

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

type fakeStore struct {
	results []*pb.SaveResult
	err     error
	got     *pb.SaveMessagesRequest
}

func (f *fakeStore) SaveMessages(ctx context.Context, in *pb.SaveMessagesRequest, _ ...grpc.CallOption) (*pb.SaveMessagesResponse, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, errors.New("a save without a deadline")
	}
	f.got = in
	return &pb.SaveMessagesResponse{Results: f.results}, f.err
}

type ids struct{ err error }

func (i ids) Next() (int64, error) { return 77, i.err }

func TestPersist(t *testing.T) {
	away, clock := errors.New("away"), errors.New("clock")
	stored := &pb.Message{MessageId: 1, SeqId: 9}
	one := func(o pb.SaveResult_Outcome, m *pb.Message) []*pb.SaveResult {
		return []*pb.SaveResult{{Outcome: o, Message: m}}
	}
	for name, tc := range map[string]struct {
		store    fakeStore
		ids      ids
		rejected contracts.Code
		stored   bool
		wantErr  bool
	}{
		"stored":          {store: fakeStore{results: one(pb.SaveResult_OUTCOME_STORED, stored)}, stored: true},
		"duplicate":       {store: fakeStore{results: one(pb.SaveResult_OUTCOME_DUPLICATE, stored)}, stored: true},
		"not a member":    {store: fakeStore{results: one(pb.SaveResult_OUTCOME_NOT_MEMBER, nil)}, rejected: contracts.CodeNotFound},
		"dissolved":       {store: fakeStore{results: one(pb.SaveResult_OUTCOME_DISSOLVED, nil)}, rejected: contracts.CodeConflict},
		"unknown outcome": {store: fakeStore{results: one(pb.SaveResult_OUTCOME_UNSPECIFIED, nil)}, wantErr: true},
		"store away":      {store: fakeStore{err: away}, wantErr: true},
		"too few results": {store: fakeStore{}, wantErr: true},
		"no id":           {ids: ids{err: clock}, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			it := &handlers.Item{SeqID: 4, Upstream: &pb.Upstream{
				SenderId: 1, ConversationId: "c", Content: "hi", MessageType: "text", TempMessageId: "t", AcceptedAt: 5,
			}}
			done := &handlers.Item{Upstream: &pb.Upstream{}, Stored: &pb.Message{}}
			env := &handlers.Envelope{Items: []*handlers.Item{done, it}}
			called := false
			next := func(context.Context, *handlers.Envelope) error { called = true; return nil }
			err := New(&tc.store, tc.ids)(next)(t.Context(), env)
			if (err != nil) != tc.wantErr || called == tc.wantErr {
				t.Fatalf("error %v and next called %v, want an error: %v", err, called, tc.wantErr)
			}
			var got contracts.Code
			if it.Rejected != nil {
				got = it.Rejected.Code
			}
			if got != tc.rejected || (it.Stored != nil) != tc.stored {
				t.Errorf("rejected %q stored %v, want %q %v", got, it.Stored != nil, tc.rejected, tc.stored)
			}
			if err == nil && (len(tc.store.got.GetMessages()) != 1 || tc.store.got.GetMessages()[0].GetSeqId() != 4) {
				t.Errorf("asked to save %v", tc.store.got)
			}
		})
	}
}
