package group

import (
	"context"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// The people: eve is in no group.
const (
	ann, bob, cyd, dan, eve = 1, 2, 3, 4, 5 // owner, admin, member, member, outsider
	theGroup                = 9
	dissolved               = 8
)

// fakeStore has group 9, and group 8 that was dissolved. It notes what is to be changed.
type fakeStore struct {
	policy    string
	roles     map[int64]string
	findErr   error
	changeErr error
	announced []*pb.Announcement
	announce  error
	dropped   []int64
	changes   []*pb.ChangeGroupRequest
	stored    []*pb.StoreGroupRequest
	next      int64
	idErr     error
}

func newStore() *fakeStore {
	return &fakeStore{policy: contracts.JoinInvite, roles: map[int64]string{ann: owner, bob: admin, cyd: member, dan: member}}
}

func (f *fakeStore) FindGroup(_ context.Context, in *pb.FindGroupRequest) (*pb.FindGroupResponse, error) {
	g := &pb.Group{GroupId: in.GetGroupId(), JoinPolicy: f.policy, OwnerId: ann}
	switch in.GetGroupId() {
	case dissolved:
		g.DissolvedAt = 7
	case theGroup:
	default:
		return nil, contracts.NewError(contracts.CodeNotFound, "")
	}
	return &pb.FindGroupResponse{Group: g}, f.findErr
}

func (f *fakeStore) FindMembers(_ context.Context, in *pb.FindMembersRequest) (*pb.FindMembersResponse, error) {
	out := &pb.FindMembersResponse{}
	for _, id := range in.GetUserIds() {
		if role, ok := f.roles[id]; ok {
			out.Members = append(out.Members, &pb.GroupMember{UserId: id, Role: role})
		}
	}
	return out, nil
}

func (f *fakeStore) PageMembers(_ context.Context, in *pb.PageMembersRequest) (*pb.PageMembersResponse, error) {
	out := &pb.PageMembersResponse{}
	for id := in.GetAfterUserId() + 1; id <= dan; id++ {
		if len(out.GetMembers()) == int(in.GetLimit()) {
			out.HasMore = true
			break
		}
		out.Members = append(out.Members, &pb.GroupMember{UserId: id, Role: f.roles[id]})
	}
	return out, nil
}

func (f *fakeStore) StoreGroup(_ context.Context, in *pb.StoreGroupRequest) (*pb.StoreGroupResponse, error) {
	f.stored = append(f.stored, in)
	return &pb.StoreGroupResponse{Group: in.GetGroup(), Announcement: &pb.Announcement{AnnouncementId: in.GetAnnouncementId()}}, f.changeErr
}

func (f *fakeStore) ChangeGroup(_ context.Context, in *pb.ChangeGroupRequest) (*pb.ChangeGroupResponse, error) {
	f.changes = append(f.changes, in)
	return &pb.ChangeGroupResponse{
		Group: &pb.Group{GroupId: in.GetGroupId()}, Added: in.GetAdd().GetUserIds(), Member: &pb.GroupMember{UserId: in.GetRole().GetUserId()},
		Announcement: &pb.Announcement{AnnouncementId: in.GetAnnouncementId()},
	}, f.changeErr
}

func (f *fakeStore) DropAnnouncements(_ context.Context, in *pb.DropAnnouncementsRequest) (*pb.DropAnnouncementsResponse, error) {
	f.dropped = append(f.dropped, in.GetAnnouncementIds()...)
	return &pb.DropAnnouncementsResponse{}, nil
}

func (f *fakeStore) Announce(_ context.Context, a *pb.Announcement) error {
	f.announced = append(f.announced, a)
	return f.announce
}

func (f *fakeStore) Next() (int64, error) {
	f.next++
	return 1000 + f.next, f.idErr
}

func open(t *testing.T, f *fakeStore) *Service {
	t.Helper()
	s, err := New(DefaultConfig(), Deps{Groups: f, Changes: f, Announcer: f, IDs: f})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func codeOf(err error) contracts.Code {
	if err == nil {
		return ""
	}
	return contracts.AsError(err).Code
}
