package persist

import (
	"context"
	"errors"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

type fakeStore struct {
	results []*pb.SaveResult
	err     error
	got     *pb.SaveMessagesRequest
}

func (f *fakeStore) SaveMessages(ctx context.Context, in *pb.SaveMessagesRequest) (*pb.SaveMessagesResponse, error) {
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
		fresh    bool
		wantErr  bool
	}{
		"stored":              {store: fakeStore{results: one(pb.SaveResult_OUTCOME_STORED, stored)}, stored: true, fresh: true},
		"duplicate":           {store: fakeStore{results: one(pb.SaveResult_OUTCOME_DUPLICATE, stored)}, stored: true},
		"not a member":        {store: fakeStore{results: one(pb.SaveResult_OUTCOME_NOT_MEMBER, nil)}, rejected: contracts.CodeNotFound},
		"dissolved":           {store: fakeStore{results: one(pb.SaveResult_OUTCOME_DISSOLVED, nil)}, rejected: contracts.CodeConflict},
		"nothing to change":   {store: fakeStore{results: one(pb.SaveResult_OUTCOME_NO_TARGET, nil)}, rejected: contracts.CodeNotFound},
		"recalled":            {store: fakeStore{results: one(pb.SaveResult_OUTCOME_CONFLICT, nil)}, rejected: contracts.CodeConflict},
		"reacted so already":  {store: fakeStore{results: one(pb.SaveResult_OUTCOME_REACTED_ALREADY, nil)}, rejected: contracts.CodeAlreadyExists},
		"no admin any longer": {store: fakeStore{results: one(pb.SaveResult_OUTCOME_FORBIDDEN, nil)}, rejected: contracts.CodePermissionDenied},
		"given up before":     {store: fakeStore{results: one(pb.SaveResult_OUTCOME_REFUSED, nil)}, rejected: contracts.CodeInternal},
		"unknown outcome":     {store: fakeStore{results: one(pb.SaveResult_OUTCOME_UNSPECIFIED, nil)}, wantErr: true},
		"store away":          {store: fakeStore{err: away}, wantErr: true},
		"too few results":     {store: fakeStore{}, wantErr: true},
		"no id":               {ids: ids{err: clock}, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			it := &handlers.Item{SeqID: 4, Upstream: &pb.Upstream{
				SenderId: 1, ConversationId: "c", Content: "hi", MessageType: "text", TempMessageId: "t", AcceptedAt: 5,
			}}
			done := &handlers.Item{Upstream: &pb.Upstream{}}
			if err := done.Find(&pb.Message{}); err != nil {
				t.Fatal(err)
			}
			env := &handlers.Envelope{Items: []*handlers.Item{done, it}}
			called := false
			next := func(context.Context, *handlers.Envelope) error { called = true; return nil }
			err := New(&tc.store, tc.ids)(next)(t.Context(), env)
			if (err != nil) != tc.wantErr || called == tc.wantErr {
				t.Fatalf("error %v and next called %v, want an error: %v", err, called, tc.wantErr)
			}
			var got contracts.Code
			if it.Reason() != nil {
				got = it.Reason().Code
			}
			if got != tc.rejected || (it.Message() != nil) != tc.stored || it.Fresh() != tc.fresh {
				t.Errorf("rejected %q stored %v fresh %v, want %q %v %v", got, it.Message() != nil, it.Fresh(), tc.rejected, tc.stored, tc.fresh)
			}
			if err == nil && (len(tc.store.got.GetMessages()) != 1 || tc.store.got.GetMessages()[0].GetSeqId() != 4) {
				t.Errorf("asked to save %v", tc.store.got)
			}
		})
	}
}

// TestWhatIsStored: a change is stored as what it says; the rest as it was sent.
func TestWhatIsStored(t *testing.T) {
	store := &fakeStore{results: []*pb.SaveResult{
		{Outcome: pb.SaveResult_OUTCOME_STORED, Message: &pb.Message{}, MembersVersion: 5, GroupSize: 600},
		{Outcome: pb.SaveResult_OUTCOME_STORED, Message: &pb.Message{}},
	}}
	change := &handlers.Item{Membership: &pb.Membership{MembersVersion: 4, MemberCount: 10}, Upstream: &pb.Upstream{
		SenderId: 1, ConversationId: "c", TempMessageId: "t", Change: &pb.Change{Kind: pb.Change_KIND_EDIT, SeqId: 3, Content: "new"},
	}}
	answer := &handlers.Item{Membership: &pb.Membership{}, Upstream: &pb.Upstream{
		Content: "hi", MessageType: "text", ReplyToSeq: 3, Mentions: []int64{8}, MentionsAll: true,
	}}
	env := &handlers.Envelope{Items: []*handlers.Item{change, answer}}
	if err := New(store, ids{})(func(context.Context, *handlers.Envelope) error { return nil })(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	first, second := store.got.GetMessages()[0], store.got.GetMessages()[1]
	if first.GetMessageType() != contracts.TypeSystem || first.GetContent() != `{"event":"message-edited","seqId":3,"content":"new"}` || first.GetChange().GetSeqId() != 3 {
		t.Errorf("the change is stored as %v", first)
	}
	if second.GetReplyToSeq() != 3 || second.GetMentions()[0] != 8 || !second.GetMentionsAll() {
		t.Errorf("the answer is stored as %v", second)
	}
	if m := change.Membership; m.GetMembersVersion() != 5 || m.GetMemberCount() != 600 {
		t.Errorf("who is in the group: %v, want what the store saw", m)
	}
}
