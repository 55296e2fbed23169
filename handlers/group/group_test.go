package group

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestMatrix is every operation by everybody, in a group of each join policy. What is refused
// changes nothing.
func TestMatrix(t *testing.T) {
	const (
		ok   contracts.Code = ""
		no                  = contracts.CodePermissionDenied
		none                = contracts.CodeNotFound
		conf                = contracts.CodeConflict
	)
	name := "New"
	type verb func(ctx context.Context, s *Service, caller int64) error
	self := func(do func(ctx context.Context, s *Service, caller, target int64) error) verb {
		return func(ctx context.Context, s *Service, caller int64) error { return do(ctx, s, caller, caller) }
	}
	removing := func(ctx context.Context, s *Service, caller, target int64) error {
		_, err := s.RemoveMember(ctx, &pb.RemoveMemberRequest{CallerId: caller, GroupId: theGroup, UserId: target})
		return err
	}
	remove := func(target int64) verb {
		return func(ctx context.Context, s *Service, caller int64) error { return removing(ctx, s, caller, target) }
	}
	role := func(target int64, role string) verb {
		return func(ctx context.Context, s *Service, caller int64) error {
			_, err := s.SetRole(ctx, &pb.SetRoleRequest{CallerId: caller, GroupId: theGroup, UserId: target, Role: role})
			return err
		}
	}
	for _, row := range []struct {
		what   string
		do     verb
		policy string
		want   [5]contracts.Code // owner, admin, member, other member, outsider
		reads  bool
	}{
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
		{"leave", self(removing), "", [5]contracts.Code{conf, ok, ok, ok, none}, false},
		{"remove the owner", remove(ann), "", [5]contracts.Code{conf, no, no, no, none}, false},
		{"remove an admin", remove(bob), "", [5]contracts.Code{ok, ok, no, no, none}, false}, // the admin: leaves
		{"remove a member", remove(cyd), "", [5]contracts.Code{ok, ok, ok, no, none}, false}, // the member: leaves
		{"remove an outsider", remove(eve), "", [5]contracts.Code{none, none, no, no, none}, false},
		{"make an admin", role(cyd, admin), "", [5]contracts.Code{ok, no, no, no, none}, false},
		{"transfer", role(cyd, owner), "", [5]contracts.Code{ok, no, no, no, none}, false},
		{"make an outsider admin", role(eve, admin), "", [5]contracts.Code{none, no, no, no, none}, false},
		{"unmake the owner", role(ann, member), "", [5]contracts.Code{conf, no, no, no, none}, false},
		{"give the role that one has", role(bob, admin), "", [5]contracts.Code{ok, no, no, no, none}, true},
	} {
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
				if wrote := len(f.changes) > 0; wrote != (want == ok && !row.reads) {
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

func TestBadInput(t *testing.T) {
	long, empty, nonsense := strings.Repeat("é", 65), "", "secret"
	longest := strings.Repeat("é", 2001)
	many := make([]int64, 1001)
	for name, tc := range map[string]struct {
		do    func(ctx context.Context, s *Service) error
		field string
	}{
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
	} {
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

func TestCreate(t *testing.T) {
	f := newStore()
	out, err := open(t, f).CreateGroup(t.Context(), &pb.CreateGroupRequest{CallerId: ann, Name: "Nine", MemberIds: []int64{bob, ann, bob, cyd}})
	if err != nil {
		t.Fatal(err)
	}
	in := f.stored[0]
	if !slices.Equal(in.GetMemberIds(), []int64{bob, cyd}) || in.GetGroup().GetOwnerId() != ann || in.GetGroup().GetJoinPolicy() != contracts.JoinInvite {
		t.Errorf("stored %v", in)
	}
	if out.GetGroup().GetGroupId() != in.GetGroup().GetGroupId() || !slices.Equal(f.dropped, []int64{in.GetAnnouncementId()}) {
		t.Errorf("answered %v, dropped %v", out, f.dropped)
	}
	f.changeErr = contracts.NewError(contracts.CodeNotFound, "")
	if _, err := open(t, f).CreateGroup(t.Context(), &pb.CreateGroupRequest{CallerId: ann, Name: "Nine", MemberIds: []int64{99}}); codeOf(err) != contracts.CodeNotFound {
		t.Errorf("an unknown member: %v", err)
	}
}

// TestAnnouncedOrKept: what could not be announced is kept for the janitor, and the change is
// made all the same.
func TestAnnouncedOrKept(t *testing.T) {
	f := newStore()
	f.announce = errors.New("the queue is away")
	if _, err := open(t, f).JoinGroup(t.Context(), &pb.JoinGroupRequest{CallerId: cyd, GroupId: theGroup}); err != nil {
		t.Fatal(err)
	}
	if len(f.announced) != 1 || len(f.dropped) != 0 {
		t.Errorf("announced %d, dropped %v", len(f.announced), f.dropped)
	}
}

func TestPagesOfMembers(t *testing.T) {
	f := newStore()
	s := open(t, f)
	var all []int64
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := s.ListMembers(t.Context(), &pb.ListMembersRequest{CallerId: cyd, GroupId: theGroup, Cursor: cursor, Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.GetMembers() {
			all = append(all, m.GetUserId())
		}
		cursor = page.GetNextCursor()
	}
	if !slices.Equal(all, []int64{ann, bob, cyd, dan}) {
		t.Errorf("members %v", all)
	}
}

// TestFailures: the store's errors reach the client by the right code, and their causes do not.
func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct{ err, want contracts.Code }{
		"away": {contracts.CodeUnavailable, contracts.CodeUnavailable}, "refused since": {contracts.CodePermissionDenied, contracts.CodePermissionDenied},
		"gone since": {contracts.CodeNotFound, contracts.CodeNotFound}, "too large": {contracts.CodeConflict, contracts.CodeConflict},
		"our own mistake": {contracts.CodeInvalidArgument, contracts.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			f := newStore()
			f.changeErr = contracts.NewError(tc.err, "")
			_, err := open(t, f).AddMembers(t.Context(), &pb.AddMembersRequest{CallerId: ann, GroupId: theGroup, UserIds: []int64{eve}})
			if codeOf(err) != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	f := newStore()
	for _, group := range []int64{dissolved, 77} {
		if _, err := open(t, f).GetGroup(t.Context(), &pb.GetGroupRequest{CallerId: ann, GroupId: group}); codeOf(err) != contracts.CodeNotFound {
			t.Errorf("group %d: %v", group, err)
		}
	}
	f.findErr = contracts.NewError(contracts.CodeUnavailable, "")
	if _, err := open(t, f).GetGroup(t.Context(), &pb.GetGroupRequest{CallerId: ann, GroupId: theGroup}); codeOf(err) != contracts.CodeUnavailable {
		t.Errorf("the store is away: %v", err)
	}
	g := newStore()
	g.idErr = errors.New("the clock went back")
	if _, err := open(t, g).JoinGroup(t.Context(), &pb.JoinGroupRequest{CallerId: cyd, GroupId: theGroup}); codeOf(err) != contracts.CodeUnavailable {
		t.Errorf("no ids: %v", err)
	}
	if _, err := New(Config{}, Deps{}); err == nil {
		t.Error("a service without a configuration")
	}
	if _, err := New(DefaultConfig(), Deps{Groups: f}); err == nil {
		t.Error("a service without its dependencies")
	}
}
