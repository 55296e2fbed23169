package group

import (
	"errors"
	"slices"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

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
