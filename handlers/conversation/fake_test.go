package conversation

import (
	"context"
	"errors"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	ann, bob, eve, zoe = 1, 2, 3, 4
	lastSeq            = 10
)

var (
	single = string(contracts.SingleConversation(ann, bob))
	group  = string(contracts.GroupConversation(9))
	gone   = string(contracts.GroupConversation(8)) // dissolved
	world  = string(contracts.World)
)

// fakeStore has ann and bob in a single chat, ann, bob and zoe in a group,
// and everyone in world. Each conversation has lastSeq messages.
type fakeStore struct {
	err     error // of every call that is not about members
	read    map[string]uint64
	marked  *pb.MarkReadRequest
	list    *pb.ListConversationsRequest
	sync    *pb.SyncRequest
	synced  *pb.SyncResponse
	ensured *pb.EnsureSingleRequest
	calls   int

	members []int64 // of the group
	count   int64   // what the directory says of it
	listErr error
	pages   []*pb.ListMemberIDsRequest
	endless bool
	facts   func([]*pb.Membership) []*pb.Membership
}

func (f *fakeStore) in(conv string, user int64) bool {
	switch conv {
	case world:
		return true
	case single:
		return user == ann || user == bob
	case group:
		return user == ann || user == bob || user == zoe
	}
	return conv == gone && user == ann
}

func noRow() error { return contracts.NewError(contracts.CodeNotFound, "no row") }

func (f *fakeStore) EnsureSingle(_ context.Context, in *pb.EnsureSingleRequest) (*pb.EnsureSingleResponse, error) {
	f.calls++
	f.ensured = in
	if f.err != nil {
		return nil, f.err
	}
	if in.GetPeerId() > zoe {
		return nil, noRow()
	}
	return &pb.EnsureSingleResponse{ConversationId: single}, nil
}

func (f *fakeStore) GetConversation(_ context.Context, in *pb.GetConversationRequest) (*pb.GetConversationResponse, error) {
	f.calls++
	if f.err != nil {
		return nil, f.err
	}
	if !f.in(in.GetConversationId(), in.GetUserId()) {
		return nil, noRow()
	}
	return &pb.GetConversationResponse{Conversation: &pb.Conversation{ConversationId: in.GetConversationId(), LastSeq: lastSeq}}, nil
}

func (f *fakeStore) ListConversations(_ context.Context, in *pb.ListConversationsRequest) (*pb.ListConversationsResponse, error) {
	f.calls++
	f.list = in
	if f.err != nil {
		return nil, f.err
	}
	if in.GetCursor() != "" && in.GetCursor() != "next" {
		return nil, contracts.Invalid("cursor", "the store's words")
	}
	return &pb.ListConversationsResponse{Conversations: []*pb.Conversation{{ConversationId: single}}, NextCursor: "next"}, nil
}

func (f *fakeStore) MarkRead(_ context.Context, in *pb.MarkReadRequest) (*pb.MarkReadResponse, error) {
	f.calls++
	f.marked = in
	if f.err != nil {
		return nil, f.err
	}
	conv := in.GetConversationId()
	if !f.in(conv, in.GetUserId()) {
		return nil, noRow()
	}
	// Every type of conversation has a peer here, so that only the type decides who is told.
	resp := &pb.MarkReadResponse{LastSeq: lastSeq, PeerId: bob}
	if to := min(in.GetSeqId(), lastSeq); to > f.read[conv] {
		f.read[conv], resp.Moved = to, true
	}
	resp.ReadSeq = f.read[conv]
	switch conv {
	case single:
		resp.Type, resp.PeerId = pb.ConversationType_CONVERSATION_TYPE_SINGLE, ann+bob-in.GetUserId()
	case world:
		resp.Type = pb.ConversationType_CONVERSATION_TYPE_WORLD
	default:
		resp.Type = pb.ConversationType_CONVERSATION_TYPE_GROUP
	}
	return resp, nil
}

func (f *fakeStore) Sync(_ context.Context, in *pb.SyncRequest) (*pb.SyncResponse, error) {
	f.calls++
	f.sync = in
	return f.synced, f.err
}

func (f *fakeStore) Memberships(_ context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error) {
	f.calls++
	if f.err != nil {
		return nil, f.err
	}
	resp := &pb.MembershipsResponse{}
	for _, k := range in.GetKeys() {
		m := &pb.Membership{Exists: true, Member: f.in(k.GetConversationId(), k.GetUserId())}
		switch k.GetConversationId() {
		case single:
			m.Type, m.UserIds = pb.ConversationType_CONVERSATION_TYPE_SINGLE, []int64{ann, bob}
		case group:
			m.Type, m.GroupId, m.MemberCount = pb.ConversationType_CONVERSATION_TYPE_GROUP, 9, f.count
		case gone:
			m.Type, m.Dissolved = pb.ConversationType_CONVERSATION_TYPE_GROUP, true
		case world:
			m.Type = pb.ConversationType_CONVERSATION_TYPE_WORLD
		default:
			m = &pb.Membership{}
		}
		resp.Memberships = append(resp.Memberships, m)
	}
	if f.facts != nil {
		resp.Memberships = f.facts(resp.GetMemberships())
	}
	return resp, nil
}

func (f *fakeStore) ListMemberIDs(_ context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	f.pages = append(f.pages, in)
	if f.listErr != nil {
		return nil, f.listErr
	}
	if f.endless {
		return &pb.ListMemberIDsResponse{HasMore: true}, nil
	}
	resp := &pb.ListMemberIDsResponse{}
	for _, id := range f.members {
		if id <= in.GetAfterUserId() {
			continue
		}
		if len(resp.GetUserIds()) == min(int(in.GetLimit()), 2) { // a store may give less than asked for
			resp.HasMore = true
			break
		}
		resp.UserIds = append(resp.UserIds, id)
	}
	return resp, nil
}

type notified struct {
	to []contracts.UserID
	d  *pb.Delivery
}

type fakeNotifier struct {
	sent []notified
	err  error
}

func (n *fakeNotifier) Notify(ctx context.Context, to []contracts.UserID, d *pb.Delivery) error {
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("a notification without a deadline")
	}
	n.sent = append(n.sent, notified{to: to, d: d})
	return n.err
}

func newService(t *testing.T, cfg Config) (*Service, *fakeStore, *fakeNotifier) {
	t.Helper()
	f, n := &fakeStore{read: map[string]uint64{}, members: []int64{ann, bob, zoe}, count: 3}, &fakeNotifier{}
	s, err := New(cfg, Deps{Conversations: f, Directory: f, Members: f, Notifier: n})
	if err != nil {
		t.Fatal(err)
	}
	return s, f, n
}

func wantCode(t *testing.T, err error, code contracts.Code) *contracts.Error {
	t.Helper()
	var e *contracts.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return e
}
