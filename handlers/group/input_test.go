package group

import (
	"context"
	"strings"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// badInput is a call and the field that is wrong in it.
type badInput struct {
	do    func(ctx context.Context, s *Service) error
	field string
}

func badInputs() map[string]badInput {
	long, empty, nonsense := strings.Repeat("é", 65), "", "secret"
	longest := strings.Repeat("é", 2001)
	many := make([]int64, 1001)
	return map[string]badInput{
		"no name": {func(ctx context.Context, s *Service) error {
			_, err := s.CreateGroup(ctx, &pb.CreateGroupRequest{CallerId: ann})
			return err
		}, "name"},
		"too many members": {func(ctx context.Context, s *Service) error {
			_, err := s.CreateGroup(ctx, &pb.CreateGroupRequest{CallerId: ann, Name: "x", MemberIds: many})
			return err
		}, "memberIds"},
		"long name": {func(ctx context.Context, s *Service) error {
			_, err := s.UpdateGroup(ctx, &pb.UpdateGroupRequest{CallerId: ann, GroupId: theGroup, Name: &long})
			return err
		}, "name"},
		"empty name": {func(ctx context.Context, s *Service) error {
			_, err := s.UpdateGroup(ctx, &pb.UpdateGroupRequest{CallerId: ann, GroupId: theGroup, Name: &empty})
			return err
		}, "name"},
		"long announcement": {func(ctx context.Context, s *Service) error {
			_, err := s.UpdateGroup(ctx, &pb.UpdateGroupRequest{CallerId: ann, GroupId: theGroup, Announcement: &longest})
			return err
		}, "announcement"},
		"no such policy": {func(ctx context.Context, s *Service) error {
			_, err := s.UpdateGroup(ctx, &pb.UpdateGroupRequest{CallerId: ann, GroupId: theGroup, JoinPolicy: &nonsense})
			return err
		}, "joinPolicy"},
		"nobody to add": {func(ctx context.Context, s *Service) error {
			_, err := s.AddMembers(ctx, &pb.AddMembersRequest{CallerId: ann, GroupId: theGroup})
			return err
		}, "userIds"},
		"too many to add": {func(ctx context.Context, s *Service) error {
			_, err := s.AddMembers(ctx, &pb.AddMembersRequest{CallerId: ann, GroupId: theGroup, UserIds: many})
			return err
		}, "userIds"},
		"no such role": {func(ctx context.Context, s *Service) error {
			_, err := s.SetRole(ctx, &pb.SetRoleRequest{CallerId: ann, GroupId: theGroup, UserId: bob, Role: "king"})
			return err
		}, "role"},
		"a page too large": {func(ctx context.Context, s *Service) error {
			_, err := s.ListMembers(ctx, &pb.ListMembersRequest{CallerId: ann, GroupId: theGroup, Limit: 201})
			return err
		}, "limit"},
		"no cursor": {func(ctx context.Context, s *Service) error {
			_, err := s.ListMembers(ctx, &pb.ListMembersRequest{CallerId: ann, GroupId: theGroup, Cursor: "x"})
			return err
		}, "cursor"},
	}
}

func TestBadInput(t *testing.T) {
	for name, tc := range badInputs() {
		t.Run(name, func(t *testing.T) {
			f := newStore()
			err := tc.do(t.Context(), open(t, f))
			if e := contracts.AsError(err); err == nil || e.Code != contracts.CodeInvalidArgument || e.Fields[tc.field] == "" || !strings.Contains(e.Message, tc.field+": ") {
				t.Errorf("got %v", err)
			}
			if len(f.changes)+len(f.stored) > 0 {
				t.Error("it was handed on")
			}
		})
	}
}
