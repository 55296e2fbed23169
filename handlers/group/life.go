package group

import (
	"context"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// CreateGroup makes a group whose owner is the caller. Errors: invalid_argument on name or
// memberIds, not_found when one of them is no user.
func (s *Service) CreateGroup(ctx context.Context, in *pb.CreateGroupRequest) (*pb.CreateGroupResponse, error) {
	caller := in.GetCallerId()
	if err := handlers.CheckCaller(caller); err != nil {
		return nil, err
	}
	l := s.cfg.Load().Limits
	var wrong handlers.Violations
	wrong.Check("name", l.CheckGroupName(in.GetName()))
	members := distinct(in.GetMemberIds(), caller)
	switch {
	case len(in.GetMemberIds()) > l.GroupAddMax:
		wrong.Check("memberIds", fmt.Sprintf("at most %d user ids", l.GroupAddMax))
	case len(members)+1 > l.GroupMembersMax:
		wrong.Check("memberIds", fmt.Sprintf("a group has at most %d members", l.GroupMembersMax))
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	id, err := s.deps.IDs.Next()
	var announcement int64
	if err == nil {
		announcement, err = s.deps.IDs.Next()
	}
	if err != nil {
		return nil, contracts.NewError(contracts.CodeUnavailable, "").WithCause(fmt.Errorf("number a group: %w", err))
	}
	out, err := s.deps.Changes.StoreGroup(ctx, &pb.StoreGroupRequest{
		Group: &pb.Group{
			GroupId: id, Name: in.GetName(), OwnerId: caller, JoinPolicy: contracts.JoinInvite, CreatedAt: time.Now().UnixMilli(),
		},
		MemberIds: members, AnnouncementId: announcement,
	})
	switch {
	case err == nil:
	case handlers.HasCode(err, contracts.CodeNotFound):
		return nil, contracts.NewError(contracts.CodeNotFound, "One of memberIds is not a user.").WithCause(err)
	default:
		return nil, handlers.StoreError(err, fmt.Sprintf("make group %d", id))
	}
	s.announce(ctx, out.GetAnnouncement())
	return &pb.CreateGroupResponse{Group: out.GetGroup()}, nil
}

// distinct returns the ids without repetitions, and without one id.
func distinct(ids []int64, without int64) []int64 {
	seen := map[int64]bool{without: true}
	out := make([]int64, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// GetGroup returns a group that the caller is in. Errors: not_found.
func (s *Service) GetGroup(ctx context.Context, in *pb.GetGroupRequest) (*pb.GetGroupResponse, error) {
	sc, err := s.enter(ctx, in.GetCallerId(), in.GetGroupId(), 0, opRead)
	if err != nil {
		return nil, err
	}
	return &pb.GetGroupResponse{Group: sc.group}, nil
}

// UpdateGroup changes the fields that are set. Errors: invalid_argument with fields, not_found,
// permission_denied.
func (s *Service) UpdateGroup(ctx context.Context, in *pb.UpdateGroupRequest) (*pb.UpdateGroupResponse, error) {
	sc, err := s.enter(ctx, in.GetCallerId(), in.GetGroupId(), 0, opUpdate)
	if err != nil {
		return nil, err
	}
	var wrong handlers.Violations
	check := func(field string, value *string, check func(string) string) {
		if value != nil {
			wrong.Check(field, check(*value))
		}
	}
	check("name", in.Name, s.cfg.Load().Limits.CheckGroupName)
	check("announcement", in.Announcement, s.cfg.Load().Limits.CheckAnnouncement)
	check("joinPolicy", in.JoinPolicy, contracts.CheckJoinPolicy)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if in.Name == nil && in.Announcement == nil && in.JoinPolicy == nil {
		return &pb.UpdateGroupResponse{Group: sc.group}, nil
	}
	out, err := s.change(ctx, opUpdate, &pb.ChangeGroupRequest{
		GroupId: in.GetGroupId(), ActorId: in.GetCallerId(), Change: &pb.ChangeGroupRequest_Patch{Patch: &pb.GroupPatch{
			Name: in.Name, Announcement: in.Announcement, JoinPolicy: in.JoinPolicy,
		}},
	})
	if err != nil {
		return nil, err
	}
	return &pb.UpdateGroupResponse{Group: out.GetGroup()}, nil
}

// DissolveGroup ends a group: nobody sends there any more, and its members still read it. Errors:
// not_found, permission_denied.
func (s *Service) DissolveGroup(ctx context.Context, in *pb.DissolveGroupRequest) (*pb.DissolveGroupResponse, error) {
	if _, err := s.enter(ctx, in.GetCallerId(), in.GetGroupId(), 0, opDissolve); err != nil {
		return nil, err
	}
	_, err := s.change(ctx, opDissolve, &pb.ChangeGroupRequest{
		GroupId: in.GetGroupId(), ActorId: in.GetCallerId(), Change: &pb.ChangeGroupRequest_Dissolve{Dissolve: &pb.GroupDissolve{}},
	})
	if err != nil {
		return nil, err
	}
	return &pb.DissolveGroupResponse{}, nil
}
