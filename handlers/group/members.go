package group

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// ListMembers pages through the members, ascending by user id. Errors: invalid_argument on limit
// or cursor, not_found.
func (s *Service) ListMembers(ctx context.Context, in *pb.ListMembersRequest) (*pb.ListMembersResponse, error) {
	limit := in.GetLimit()
	if limit == 0 {
		limit = int32(s.cfg.Load().Limits.HistoryDefault) //nolint:gosec // a small configured number
	}
	if limit < 0 || int(limit) > s.cfg.Load().Limits.HistoryMax {
		return nil, contracts.Invalid("limit", fmt.Sprintf("1 to %d", s.cfg.Load().Limits.HistoryMax))
	}
	after := int64(0)
	if in.GetCursor() != "" {
		id, err := contracts.ParseUserID(in.GetCursor())
		if err != nil {
			return nil, contracts.Invalid("cursor", "a nextCursor from a former answer")
		}
		after = int64(id)
	}
	if _, err := s.enter(ctx, in.GetCallerId(), in.GetGroupId(), 0, opList); err != nil {
		return nil, err
	}
	page, err := s.deps.Groups.PageMembers(ctx, &pb.PageMembersRequest{GroupId: in.GetGroupId(), AfterUserId: after, Limit: limit})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("list members of group %d", in.GetGroupId()))
	}
	out := &pb.ListMembersResponse{Members: page.GetMembers()}
	if n := len(out.GetMembers()); page.GetHasMore() && n > 0 {
		out.NextCursor = strconv.FormatInt(out.GetMembers()[n-1].GetUserId(), 10)
	}
	return out, nil
}

// AddMembers adds users; a user who is in the group already is no error. Errors: invalid_argument on userIds,
// not_found (the group or one of the users), permission_denied, conflict when the group would be too large.
func (s *Service) AddMembers(ctx context.Context, in *pb.AddMembersRequest) (*pb.AddMembersResponse, error) {
	if n := len(in.GetUserIds()); n == 0 || n > s.cfg.Load().Limits.GroupAddMax {
		return nil, contracts.Invalid("userIds", fmt.Sprintf("1 to %d user ids", s.cfg.Load().Limits.GroupAddMax))
	}
	if _, err := s.enter(ctx, in.GetCallerId(), in.GetGroupId(), 0, opAdd); err != nil {
		return nil, err
	}
	out, err := s.add(ctx, opAdd, in.GetCallerId(), in.GetGroupId(), distinct(in.GetUserIds(), 0))
	if err != nil {
		return nil, err
	}
	return &pb.AddMembersResponse{Added: out.GetAdded(), Already: out.GetAlready()}, nil
}

func (s *Service) add(ctx context.Context, op operation, actor, group int64, users []int64) (*pb.ChangeGroupResponse, error) {
	return s.change(ctx, op, &pb.ChangeGroupRequest{
		GroupId: group, ActorId: actor, Change: &pb.ChangeGroupRequest_Add{Add: &pb.GroupAdd{
			UserIds: users, WholeHistory: s.cfg.Load().WholeHistory, Most: int64(s.cfg.Load().Limits.GroupMembersMax),
		}},
	})
}

// JoinGroup adds the caller to an open group. Errors: not_found (also when the group is not open), conflict
// when the group would be too large.
func (s *Service) JoinGroup(ctx context.Context, in *pb.JoinGroupRequest) (*pb.JoinGroupResponse, error) {
	caller := in.GetCallerId()
	if _, err := s.enter(ctx, caller, in.GetGroupId(), 0, opJoin); err != nil {
		return nil, err
	}
	out, err := s.add(ctx, opJoin, caller, in.GetGroupId(), []int64{caller})
	if err != nil {
		return nil, err
	}
	return &pb.JoinGroupResponse{Added: len(out.GetAdded()) > 0}, nil
}

// RemoveMember removes a member, or lets the caller leave. A dissolved group can only be left,
// by its owner too, and nobody is told. Errors: not_found, permission_denied, conflict for an
// owner who leaves a group that is not dissolved.
func (s *Service) RemoveMember(ctx context.Context, in *pb.RemoveMemberRequest) (*pb.RemoveMemberResponse, error) {
	caller, target := in.GetCallerId(), in.GetUserId()
	op := opRemove
	if target == caller {
		op = opLeave
	}
	sc, err := s.enter(ctx, caller, in.GetGroupId(), target, op)
	if err != nil {
		return nil, err
	}
	req := &pb.ChangeGroupRequest{GroupId: in.GetGroupId(), ActorId: caller}
	remove := &pb.GroupRemove{UserId: target}
	switch {
	case target == caller && sc.group.GetDissolvedAt() != 0:
		remove.TargetRoles = rules[opLeave].roles
	case target == caller && sc.caller == owner:
		return nil, contracts.NewError(contracts.CodeConflict, "An owner cannot leave: transfer the group first, or dissolve it.")
	case target == caller:
		req.ActorRoles, remove.TargetRoles = leaving, leaving
	case sc.target == nil:
		return nil, contracts.NewError(contracts.CodeNotFound, "There is no such member.")
	case !slices.Contains(removable[sc.caller], sc.target.GetRole()):
		return nil, contracts.NewError(contracts.CodePermissionDenied, "Your role in this group does not allow it.")
	default:
		// The store checks both roles again: the caller's must still be the one that may remove the target's.
		req.ActorRoles, remove.TargetRoles = []string{sc.caller}, removable[sc.caller]
	}
	req.Change = &pb.ChangeGroupRequest_Remove{Remove: remove}
	if _, err := s.change(ctx, op, req); err != nil {
		return nil, err
	}
	return &pb.RemoveMemberResponse{}, nil
}

// SetRole changes a member's role. The role owner transfers the group, and the caller becomes an admin. Errors:
// invalid_argument on role, not_found, permission_denied, conflict when an owner would give up the role without
// a successor.
func (s *Service) SetRole(ctx context.Context, in *pb.SetRoleRequest) (*pb.SetRoleResponse, error) {
	if must := contracts.CheckRole(in.GetRole()); must != "" {
		return nil, contracts.Invalid("role", must)
	}
	sc, err := s.enter(ctx, in.GetCallerId(), in.GetGroupId(), in.GetUserId(), opSetRole)
	switch {
	case err != nil:
		return nil, err
	case sc.target == nil:
		return nil, contracts.NewError(contracts.CodeNotFound, "There is no such member.")
	case sc.target.GetRole() == in.GetRole():
		return &pb.SetRoleResponse{Member: sc.target}, nil
	case in.GetUserId() == in.GetCallerId():
		return nil, contracts.NewError(contracts.CodeConflict, "A group has an owner: make somebody else the owner first.")
	}
	out, err := s.change(ctx, opSetRole, &pb.ChangeGroupRequest{
		GroupId: in.GetGroupId(), ActorId: in.GetCallerId(),
		Change: &pb.ChangeGroupRequest_Role{Role: &pb.GroupRole{UserId: in.GetUserId(), Role: in.GetRole()}},
	})
	if err != nil {
		return nil, err
	}
	return &pb.SetRoleResponse{Member: out.GetMember()}, nil
}
