package service

import (
	"context"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/wire"
)

type groups struct {
	pb.UnimplementedGroupRepoServer
	*Repo
}

func groupProto(g store.GroupInfo) *pb.Group {
	return &pb.Group{
		GroupId: g.ID, ConversationId: g.ConversationID, Name: g.Name, Announcement: g.Announcement,
		OwnerId: g.OwnerID, MemberCount: g.MemberCount, JoinPolicy: g.JoinPolicy, CreatedAt: g.CreatedAt, DissolvedAt: g.DissolvedAt,
	}
}

func memberProto(m store.GroupMember) *pb.GroupMember {
	return &pb.GroupMember{UserId: m.UserID, Role: m.Role, JoinedAt: m.JoinedAt}
}

// FindGroup implements pb.GroupRepoServer.
func (r groups) FindGroup(ctx context.Context, in *pb.FindGroupRequest) (*pb.FindGroupResponse, error) {
	found, err := r.store.Groups(ctx, []int64{in.GetGroupId()})
	if err != nil {
		return nil, answer(err)
	}
	g, there := found[in.GetGroupId()]
	if !there {
		return nil, answer(store.ErrNotFound)
	}
	return &pb.FindGroupResponse{Group: groupProto(g)}, nil
}

// FindMembers implements pb.GroupRepoServer.
func (r groups) FindMembers(ctx context.Context, in *pb.FindMembersRequest) (*pb.FindMembersResponse, error) {
	found, err := r.store.GroupMembers(ctx, in.GetGroupId(), in.GetUserIds())
	if err != nil {
		return nil, answer(err)
	}
	list, err := r.named(ctx, found)
	return &pb.FindMembersResponse{Members: list}, err
}

// PageMembers implements pb.GroupRepoServer.
func (r groups) PageMembers(ctx context.Context, in *pb.PageMembersRequest) (*pb.PageMembersResponse, error) {
	limit := max(int(in.GetLimit()), 1)
	page, err := r.store.PageMembers(ctx, in.GetGroupId(), in.GetAfterUserId(), limit+1)
	if err != nil {
		return nil, answer(err)
	}
	more := len(page) > limit
	list, err := r.named(ctx, page[:min(len(page), limit)])
	return &pb.PageMembersResponse{Members: list, HasMore: more}, err
}

// named adds nicknames.
func (r groups) named(ctx context.Context, members []store.GroupMember) ([]*pb.GroupMember, error) {
	ids := make([]int64, len(members))
	for i, m := range members {
		ids[i] = m.UserID
	}
	people, err := r.users(ctx, ids)
	if err != nil {
		return nil, answer(err)
	}
	out := make([]*pb.GroupMember, len(members))
	for i, m := range members {
		out[i] = memberProto(m)
		out[i].Nickname = people[m.UserID].Nickname
	}
	return out, nil
}

// ListMemberIDs implements pb.GroupRepoServer.
func (r groups) ListMemberIDs(ctx context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	limit := max(int(in.GetLimit()), 1)
	ids, joins, err := r.store.Recipients(ctx, in.GetGroupId(), in.GetAfterUserId(), limit+1)
	if err != nil {
		return nil, answer(err)
	}
	n := min(len(ids), limit)
	return &pb.ListMemberIDsResponse{UserIds: ids[:n], JoinSeqs: joins[:n], HasMore: len(ids) > limit}, nil
}

// StoreGroup implements pb.GroupRepoServer.
func (r groups) StoreGroup(ctx context.Context, in *pb.StoreGroupRequest) (*pb.StoreGroupResponse, error) {
	g := in.GetGroup()
	done, err := r.store.StoreGroup(ctx, store.GroupInfo{
		ID: g.GetGroupId(), Name: g.GetName(), Announcement: g.GetAnnouncement(), OwnerID: g.GetOwnerId(),
		JoinPolicy: g.GetJoinPolicy(), CreatedAt: g.GetCreatedAt(),
	}, in.GetMemberIds(), in.GetAnnouncementId())
	if err != nil {
		return nil, answer(err)
	}
	return &pb.StoreGroupResponse{Group: groupProto(done.Group), Announcement: announcementProto(done.Announcement)}, nil
}

// ChangeGroup implements pb.GroupRepoServer.
func (r groups) ChangeGroup(ctx context.Context, in *pb.ChangeGroupRequest) (*pb.ChangeGroupResponse, error) {
	done, err := r.store.ChangeGroup(ctx, groupChange(in))
	if err != nil {
		return nil, answer(err)
	}
	if done.Committed != nil {
		r.logCacheError("follow a change of a group", r.cache.Follow(ctx, []store.Committed{*done.Committed}))
	}
	out := &pb.ChangeGroupResponse{
		Group: groupProto(done.Group), Added: done.Added, Already: done.Already, Announcement: announcementProto(done.Announcement),
	}
	if done.Member != nil {
		list, err := r.named(ctx, []store.GroupMember{*done.Member})
		if err != nil {
			return nil, err
		}
		out.Member = list[0]
	}
	return out, nil
}

func groupChange(in *pb.ChangeGroupRequest) store.GroupChange {
	c := store.GroupChange{
		GroupID: in.GetGroupId(), ActorID: in.GetActorId(), ActorRoles: in.GetActorRoles(), OpenRoles: in.GetOpenRoles(),
		AnyOpen: in.GetAnyOpen(), AnnouncementID: in.GetAnnouncementId(), MessageID: in.GetMessageId(), At: in.GetAt(),
	}
	switch ch := in.GetChange().(type) {
	case *pb.ChangeGroupRequest_Patch:
		c.Patch = &store.GroupPatch{Name: ch.Patch.Name, Announcement: ch.Patch.Announcement, JoinPolicy: ch.Patch.JoinPolicy}
	case *pb.ChangeGroupRequest_Add:
		c.Add = &store.GroupAdd{Users: ch.Add.GetUserIds(), WholeHistory: ch.Add.GetWholeHistory(), Most: ch.Add.GetMost()}
	case *pb.ChangeGroupRequest_Remove:
		c.Remove = &store.GroupRemove{UserID: ch.Remove.GetUserId(), TargetRoles: ch.Remove.GetTargetRoles()}
	case *pb.ChangeGroupRequest_Role:
		c.Role = &store.GroupRole{UserID: ch.Role.GetUserId(), Role: ch.Role.GetRole()}
	case *pb.ChangeGroupRequest_Dissolve:
		c.Dissolve = true
	}
	return c
}

func announcementProto(a *store.Announcement) *pb.Announcement {
	if a == nil {
		return nil
	}
	out := &pb.Announcement{
		AnnouncementId: a.ID, GroupId: a.GroupID, ConversationId: a.ConversationID, Event: a.Event, ActorId: a.ActorID,
		UserIds: a.UserIDs, FormerUserIds: a.Former, MembersVersion: a.MembersVersion,
	}
	if a.Message != nil {
		out.Message = wire.Proto(a.Message)
	}
	return out
}

// ListAnnouncements implements pb.GroupRepoServer.
func (r groups) ListAnnouncements(ctx context.Context, in *pb.ListAnnouncementsRequest) (*pb.ListAnnouncementsResponse, error) {
	list, err := r.store.Announcements(ctx, in.GetBefore(), max(int(in.GetLimit()), 1))
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.ListAnnouncementsResponse{}
	for i := range list {
		out.Announcements = append(out.Announcements, announcementProto(&list[i]))
	}
	return out, nil
}

// DropAnnouncements implements pb.GroupRepoServer.
func (r groups) DropAnnouncements(ctx context.Context, in *pb.DropAnnouncementsRequest) (*pb.DropAnnouncementsResponse, error) {
	if err := r.store.DropAnnouncements(ctx, in.GetAnnouncementIds()); err != nil {
		return nil, answer(err)
	}
	return &pb.DropAnnouncementsResponse{}, nil
}
