package group

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// verb is a call about the group by a caller.
type verb func(ctx context.Context, s *Service, caller int64) error

// matrixRow is a call in a group of a join policy, and what each caller gets.
type matrixRow struct {
	what   string
	do     verb
	policy string
	want   [5]contracts.Code // owner, admin, member, other member, outsider
	reads  bool
}

func rowsOfTheGroup() []matrixRow {
	const (
		ok   contracts.Code = ""
		no                  = contracts.CodePermissionDenied
		none                = contracts.CodeNotFound
	)
	name := "New"
	return []matrixRow{
		{"read", func(ctx context.Context, s *Service, c int64) error {
			_, err := s.GetGroup(ctx, &pb.GetGroupRequest{CallerId: c, GroupId: theGroup})
			return err
		}, "", [5]contracts.Code{ok, ok, ok, ok, none}, true},
		{"list", func(ctx context.Context, s *Service, c int64) error {
			_, err := s.ListMembers(ctx, &pb.ListMembersRequest{CallerId: c, GroupId: theGroup})
			return err
		}, "", [5]contracts.Code{ok, ok, ok, ok, none}, true},
		{"update", func(ctx context.Context, s *Service, c int64) error {
			_, err := s.UpdateGroup(ctx, &pb.UpdateGroupRequest{CallerId: c, GroupId: theGroup, Name: &name})
			return err
		}, "", [5]contracts.Code{ok, ok, no, no, none}, false},
		{"dissolve", func(ctx context.Context, s *Service, c int64) error {
			_, err := s.DissolveGroup(ctx, &pb.DissolveGroupRequest{CallerId: c, GroupId: theGroup})
			return err
		}, "", [5]contracts.Code{ok, no, no, no, none}, false},
		{"add", func(ctx context.Context, s *Service, c int64) error {
			_, err := s.AddMembers(ctx, &pb.AddMembersRequest{CallerId: c, GroupId: theGroup, UserIds: []int64{eve}})
			return err
		}, "invite", [5]contracts.Code{ok, ok, no, no, none}, false},
		{"add to an open group", func(ctx context.Context, s *Service, c int64) error {
			_, err := s.AddMembers(ctx, &pb.AddMembersRequest{CallerId: c, GroupId: theGroup, UserIds: []int64{eve}})
			return err
		}, "open", [5]contracts.Code{ok, ok, ok, ok, none}, false},
		{"join", func(ctx context.Context, s *Service, c int64) error {
			_, err := s.JoinGroup(ctx, &pb.JoinGroupRequest{CallerId: c, GroupId: theGroup})
			return err
		}, "invite", [5]contracts.Code{ok, ok, ok, ok, none}, false},
		{"join an open group", func(ctx context.Context, s *Service, c int64) error {
			_, err := s.JoinGroup(ctx, &pb.JoinGroupRequest{CallerId: c, GroupId: theGroup})
			return err
		}, "open", [5]contracts.Code{ok, ok, ok, ok, ok}, false},
	}
}

func removing(ctx context.Context, s *Service, caller, target int64) error {
	_, err := s.RemoveMember(ctx, &pb.RemoveMemberRequest{CallerId: caller, GroupId: theGroup, UserId: target})
	return err
}

func rowsOfMembers() []matrixRow {
	const (
		ok   contracts.Code = ""
		no                  = contracts.CodePermissionDenied
		none                = contracts.CodeNotFound
		conf                = contracts.CodeConflict
	)
	leave := func(ctx context.Context, s *Service, caller int64) error { return removing(ctx, s, caller, caller) }
	remove := func(target int64) verb {
		return func(ctx context.Context, s *Service, caller int64) error { return removing(ctx, s, caller, target) }
	}
	role := func(target int64, role string) verb {
		return func(ctx context.Context, s *Service, caller int64) error {
			_, err := s.SetRole(ctx, &pb.SetRoleRequest{CallerId: caller, GroupId: theGroup, UserId: target, Role: role})
			return err
		}
	}
	return []matrixRow{
		{"leave", leave, "", [5]contracts.Code{conf, ok, ok, ok, none}, false},
		{"remove the owner", remove(ann), "", [5]contracts.Code{conf, no, no, no, none}, false},
		{"remove an admin", remove(bob), "", [5]contracts.Code{ok, ok, no, no, none}, false}, // the admin: leaves
		{"remove a member", remove(cyd), "", [5]contracts.Code{ok, ok, ok, no, none}, false}, // the member: leaves
		{"remove an outsider", remove(eve), "", [5]contracts.Code{none, none, no, no, none}, false},
		{"make an admin", role(cyd, admin), "", [5]contracts.Code{ok, no, no, no, none}, false},
		{"transfer", role(cyd, owner), "", [5]contracts.Code{ok, no, no, no, none}, false},
		{"make an outsider admin", role(eve, admin), "", [5]contracts.Code{none, no, no, no, none}, false},
		{"unmake the owner", role(ann, member), "", [5]contracts.Code{conf, no, no, no, none}, false},
		{"give the role that one has", role(bob, admin), "", [5]contracts.Code{ok, no, no, no, none}, true},
	}
}

// TestMatrix is every operation by everybody, in a group of each join policy. What is refused
// changes nothing.
func TestMatrix(t *testing.T) {
	for _, row := range slices.Concat(rowsOfTheGroup(), rowsOfMembers()) {
		for i, caller := range []int64{ann, bob, cyd, dan, eve, 0} {
			t.Run(fmt.Sprintf("%s/by %d", row.what, caller), func(t *testing.T) {
				f := newStore()
				if row.policy != "" {
					f.policy = row.policy
				}
				want := contracts.CodeUnauthenticated
				if caller != 0 {
					want = row.want[i]
				}
				err := row.do(t.Context(), open(t, f), caller)
				if codeOf(err) != want {
					t.Fatalf("got %v, want %q", err, want)
				}
				if wrote := len(f.changes) > 0; wrote != (want == "" && !row.reads) {
					t.Errorf("changes %v", f.changes)
				}
				for _, c := range f.changes {
					if c.GetActorId() != caller || len(c.GetActorRoles()) == 0 || c.GetAnnouncementId() == 0 || c.GetMessageId() == 0 || c.GetAt() == 0 {
						t.Errorf("a change without its conditions: %v", c)
					}
				}
			})
		}
	}
}

// TestLeavingADissolvedGroup: whoever is in it may leave, the owner too; nothing else can be done.
func TestLeavingADissolvedGroup(t *testing.T) {
	for caller, want := range map[int64]contracts.Code{ann: "", bob: "", cyd: "", eve: contracts.CodeNotFound, 0: contracts.CodeUnauthenticated} {
		f := newStore()
		_, err := open(t, f).RemoveMember(t.Context(), &pb.RemoveMemberRequest{CallerId: caller, GroupId: dissolved, UserId: caller})
		if codeOf(err) != want || (len(f.changes) == 1) != (want == "") {
			t.Errorf("%d leaves: %v, changes %v", caller, err, f.changes)
		}
	}
	f := newStore()
	s := open(t, f)
	if _, err := s.RemoveMember(t.Context(), &pb.RemoveMemberRequest{CallerId: ann, GroupId: dissolved, UserId: cyd}); codeOf(err) != contracts.CodeNotFound {
		t.Errorf("removing another: %v", err)
	}
	if _, err := s.SetRole(t.Context(), &pb.SetRoleRequest{CallerId: ann, GroupId: dissolved, UserId: cyd, Role: owner}); codeOf(err) != contracts.CodeNotFound {
		t.Errorf("transferring: %v", err)
	}
	if len(f.changes) != 0 {
		t.Errorf("changes %v", f.changes)
	}
}

// TestRemovalHoldsTheRoles: the store is given the roles that were read, to check them again in its
// transaction.
func TestRemovalHoldsTheRoles(t *testing.T) {
	f := newStore()
	s := open(t, f)
	for _, step := range []struct {
		caller, target int64
		actor, targets []string
	}{
		{ann, cyd, []string{owner}, []string{admin, member}}, {bob, cyd, []string{admin}, []string{member}},
		{cyd, cyd, []string{admin, member}, []string{admin, member}},
	} {
		if _, err := s.RemoveMember(t.Context(), &pb.RemoveMemberRequest{CallerId: step.caller, GroupId: theGroup, UserId: step.target}); err != nil {
			t.Fatal(err)
		}
		c := f.changes[len(f.changes)-1]
		if !slices.Equal(c.GetActorRoles(), step.actor) || !slices.Equal(c.GetRemove().GetTargetRoles(), step.targets) {
			t.Errorf("%d removes %d: by %v, of %v", step.caller, step.target, c.GetActorRoles(), c.GetRemove().GetTargetRoles())
		}
	}
}
