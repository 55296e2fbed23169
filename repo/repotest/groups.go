package repotest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

var everyRole = []string{contracts.RoleOwner, contracts.RoleAdmin, contracts.RoleMember}

// crew is a group with an owner and others.
type crew struct {
	*clients
	id    int64
	conv  string
	owner int64
	rest  []int64
}

func (c *clients) crew(t *testing.T, others int) *crew {
	t.Helper()
	g := &crew{clients: c, id: nextID(), owner: c.user(t)}
	for range others {
		g.rest = append(g.rest, c.user(t))
	}
	out, err := c.StoreGroup(t.Context(), &pb.StoreGroupRequest{
		Group:     &pb.Group{GroupId: g.id, Name: "Crew", OwnerId: g.owner, JoinPolicy: contracts.JoinInvite, CreatedAt: time.Now().UnixMilli()},
		MemberIds: g.rest, AnnouncementId: nextID(),
	})
	require.NoError(t, err)
	g.conv = out.GetGroup().GetConversationId()
	return g
}

// change is one change by the owner, unless it says otherwise.
func (g *crew) change(in *pb.ChangeGroupRequest) (*pb.ChangeGroupResponse, error) {
	in.GroupId, in.AnnouncementId, in.MessageId, in.At = g.id, nextID(), nextID(), time.Now().UnixMilli()
	if in.GetActorId() == 0 {
		in.ActorId = g.owner
	}
	if in.ActorRoles == nil {
		in.ActorRoles = everyRole
	}
	return g.ChangeGroup(context.Background(), in)
}

func add(users ...int64) *pb.ChangeGroupRequest_Add {
	return &pb.ChangeGroupRequest_Add{Add: &pb.GroupAdd{UserIds: users, Most: 100}}
}

func remove(user int64) *pb.ChangeGroupRequest_Remove {
	return &pb.ChangeGroupRequest_Remove{Remove: &pb.GroupRemove{UserId: user, TargetRoles: everyRole}}
}

func (g *crew) must(t *testing.T, in *pb.ChangeGroupRequest) *pb.ChangeGroupResponse {
	t.Helper()
	out, err := g.change(in)
	require.NoError(t, err)
	return out
}

func (g *crew) say(t *testing.T, user int64, key string) *pb.SaveResult {
	t.Helper()
	return g.save(t, message(g.conv, user, key))[0]
}

func (g *crew) view(t *testing.T, user int64) (*pb.Conversation, error) {
	t.Helper()
	out, err := g.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: g.conv, UserId: user})
	return out.GetConversation(), err
}

func (g *crew) ids(t *testing.T) (ids []int64, joins []uint64) {
	t.Helper()
	out, err := g.ListMemberIDs(t.Context(), &pb.ListMemberIDsRequest{GroupId: g.id, Limit: 500})
	require.NoError(t, err)
	return out.GetUserIds(), out.GetJoinSeqs()
}

func membersComeAndGo(t *testing.T, c *clients) {
	g := c.crew(t, 1)
	bob, cyd := g.rest[0], c.user(t)
	assert.EqualValues(t, 1, g.say(t, g.owner, "one").GetMessage().GetSeqId(), "making a group is no message")
	out := g.must(t, &pb.ChangeGroupRequest{Change: add(bob, cyd)})
	assert.Equal(t, []int64{cyd}, out.GetAdded())
	assert.Equal(t, []int64{bob}, out.GetAlready())
	assert.EqualValues(t, 3, out.GetGroup().GetMemberCount())
	told := out.GetAnnouncement().GetMessage()
	assert.EqualValues(t, 2, told.GetSeqId(), "the next number of the conversation")
	assert.Equal(t, contracts.TypeSystem, told.GetMessageType())
	again := g.must(t, &pb.ChangeGroupRequest{Change: add(cyd)})
	assert.Nil(t, again.GetAnnouncement(), "nothing changed")

	seen, err := g.view(t, cyd)
	require.NoError(t, err)
	assert.EqualValues(t, 1, seen.GetJoinSeq(), "what was before is not for them, their coming is")
	assert.EqualValues(t, 1, seen.GetReadSeq())
	seen, err = g.view(t, g.owner)
	require.NoError(t, err)
	assert.EqualValues(t, 1, seen.GetReadSeq(), "who did it has read no more for it")
	saved := g.say(t, cyd, "two")
	assert.EqualValues(t, 3, saved.GetMessage().GetSeqId())
	assert.EqualValues(t, 2, saved.GetMembersVersion())
	assert.EqualValues(t, 3, saved.GetGroupSize())
	ids, joins := g.ids(t)
	assert.Equal(t, []int64{g.owner, bob, cyd}, ids)
	assert.Equal(t, []uint64{0, 0, 1}, joins)

	gone := g.must(t, &pb.ChangeGroupRequest{Change: remove(cyd)})
	assert.Equal(t, []int64{cyd}, gone.GetAnnouncement().GetFormerUserIds())
	assert.EqualValues(t, 4, gone.GetAnnouncement().GetMessage().GetSeqId())
	_, err = g.view(t, cyd)
	assert.Equal(t, contracts.CodeNotFound, code(err))
	assert.Equal(t, pb.SaveResult_OUTCOME_NOT_MEMBER, g.say(t, cyd, "three").GetOutcome())
	assert.Equal(t, pb.SaveResult_OUTCOME_DUPLICATE, g.say(t, cyd, "two").GetOutcome(), "what was stored is never refused later")
	synced, err := c.Sync(t.Context(), &pb.SyncRequest{UserId: cyd, Limit: 10, Have: map[string]uint64{g.conv: 0}})
	require.NoError(t, err)
	for _, one := range synced.GetConversations() {
		assert.NotEqual(t, g.conv, one.GetConversationId())
	}

	back := g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Add{Add: &pb.GroupAdd{UserIds: []int64{cyd}, WholeHistory: true, Most: 100}}})
	assert.EqualValues(t, 5, back.GetAnnouncement().GetMessage().GetSeqId())
	seen, err = g.view(t, cyd)
	require.NoError(t, err)
	assert.Zero(t, seen.GetJoinSeq())
	assert.EqualValues(t, 4, seen.GetReadSeq(), "unread counts from the joining")
	page, err := c.PageMembers(t.Context(), &pb.PageMembersRequest{GroupId: g.id, AfterUserId: g.owner, Limit: 1})
	require.NoError(t, err)
	require.Len(t, page.GetMembers(), 1)
	assert.Equal(t, bob, page.GetMembers()[0].GetUserId())
	assert.Equal(t, "Nick", page.GetMembers()[0].GetNickname())
	assert.True(t, page.GetHasMore())
}

// preconditions: the transaction of a change checks the roles of the actor and of the target, and
// a refused change changes nothing.
func preconditions(t *testing.T, c *clients) {
	g := c.crew(t, 2)
	admin, member, outsider := g.rest[0], g.rest[1], c.user(t)
	g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Role{Role: &pb.GroupRole{UserId: admin, Role: contracts.RoleAdmin}}})
	owners, open := []string{contracts.RoleOwner}, contracts.JoinOpen
	name := "Other"
	patch := &pb.ChangeGroupRequest_Patch{Patch: &pb.GroupPatch{Name: &name}}
	onlyMembers := &pb.ChangeGroupRequest_Remove{Remove: &pb.GroupRemove{UserId: admin, TargetRoles: []string{contracts.RoleMember}}}
	before := g.state(t)
	for what, one := range map[string]struct {
		in   *pb.ChangeGroupRequest
		want contracts.Code
	}{
		"a role that is not enough":      {&pb.ChangeGroupRequest{ActorId: admin, ActorRoles: owners, Change: patch}, contracts.CodePermissionDenied},
		"an outsider":                    {&pb.ChangeGroupRequest{ActorId: outsider, Change: patch}, contracts.CodeNotFound},
		"a target's role":                {&pb.ChangeGroupRequest{Change: onlyMembers}, contracts.CodePermissionDenied},
		"a target that is not there":     {&pb.ChangeGroupRequest{Change: remove(outsider)}, contracts.CodeNotFound},
		"open roles in a closed group":   {&pb.ChangeGroupRequest{ActorId: member, ActorRoles: owners, OpenRoles: everyRole, Change: add(outsider)}, contracts.CodePermissionDenied},
		"joining a closed group":         {&pb.ChangeGroupRequest{ActorId: outsider, AnyOpen: true, Change: add(outsider)}, contracts.CodeNotFound},
		"a user who does not exist":      {&pb.ChangeGroupRequest{Change: add(outsider, 1)}, contracts.CodeNotFound},
		"more than it may have":          {&pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Add{Add: &pb.GroupAdd{UserIds: []int64{outsider}, Most: 3}}}, contracts.CodeConflict},
		"a role of who is not in it":     {&pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Role{Role: &pb.GroupRole{UserId: outsider, Role: contracts.RoleAdmin}}}, contracts.CodeNotFound},
		"the owner's role but by giving": {&pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Role{Role: &pb.GroupRole{UserId: g.owner, Role: contracts.RoleAdmin}}}, contracts.CodePermissionDenied},
	} {
		_, err := g.change(one.in)
		assert.Equal(t, one.want, code(err), what)
		assert.Equal(t, before, g.state(t), "%s: it has changed something", what)
	}
	g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Patch{Patch: &pb.GroupPatch{JoinPolicy: &open}}})
	joined := g.must(t, &pb.ChangeGroupRequest{ActorId: outsider, ActorRoles: everyRole, AnyOpen: true, Change: add(outsider)})
	assert.Equal(t, []int64{outsider}, joined.GetAdded())
	stranger := c.user(t)
	g.must(t, &pb.ChangeGroupRequest{ActorId: member, ActorRoles: owners, OpenRoles: []string{contracts.RoleMember}, Change: add(stranger)})

	transfer := g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Role{Role: &pb.GroupRole{UserId: admin, Role: contracts.RoleOwner}}})
	assert.Equal(t, admin, transfer.GetGroup().GetOwnerId())
	assert.Equal(t, contracts.RoleOwner, transfer.GetMember().GetRole())
	roles, err := c.FindMembers(t.Context(), &pb.FindMembersRequest{GroupId: g.id, UserIds: []int64{g.owner, admin}})
	require.NoError(t, err)
	for _, m := range roles.GetMembers() {
		assert.Equal(t, map[int64]string{g.owner: contracts.RoleAdmin, admin: contracts.RoleOwner}[m.GetUserId()], m.GetRole())
	}
	g.must(t, &pb.ChangeGroupRequest{ActorId: admin, Change: &pb.ChangeGroupRequest_Dissolve{Dissolve: &pb.GroupDissolve{}}})
	assert.Equal(t, pb.SaveResult_OUTCOME_DISSOLVED, g.say(t, admin, "late").GetOutcome())
	_, err = g.change(&pb.ChangeGroupRequest{ActorId: admin, Change: patch})
	assert.Equal(t, contracts.CodeNotFound, code(err))
	seen, err := g.view(t, member)
	require.NoError(t, err, "its members still read it")
	assert.NotZero(t, seen.GetGroup().GetDissolvedAt())
}

// leavingDissolved: whoever is in a dissolved group may leave it, once, and nobody is told.
func leavingDissolved(t *testing.T, c *clients) {
	g := c.crew(t, 2)
	bob, cyd, outsider := g.rest[0], g.rest[1], c.user(t)
	g.say(t, g.owner, "the last word")
	g.must(t, &pb.ChangeGroupRequest{ActorId: cyd, Change: remove(cyd)})
	g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Dissolve{Dissolve: &pb.GroupDissolve{}}})
	told := g.announced(t)
	last, err := g.view(t, bob)
	require.NoError(t, err)
	for what, in := range map[string]*pb.ChangeGroupRequest{
		"removing another": {Change: remove(bob)}, "an outsider": {ActorId: outsider, Change: remove(outsider)},
		"adding": {Change: add(outsider)}, "dissolving": {Change: &pb.ChangeGroupRequest_Dissolve{Dissolve: &pb.GroupDissolve{}}},
	} {
		_, err := g.change(in)
		assert.Equal(t, contracts.CodeNotFound, code(err), what)
	}
	for _, leaver := range []int64{g.owner, g.owner, bob} { // an answer may be lost: the second time changes nothing
		out := g.must(t, &pb.ChangeGroupRequest{ActorId: leaver, Change: remove(leaver)})
		assert.Nil(t, out.GetAnnouncement())
		_, err := g.view(t, leaver)
		assert.Equal(t, contracts.CodeNotFound, code(err))
		list, err := c.ListConversations(t.Context(), &pb.ListConversationsRequest{UserId: leaver, Limit: 50})
		require.NoError(t, err)
		for _, one := range list.GetConversations() {
			assert.NotEqual(t, g.conv, one.GetConversationId())
		}
		if leaver == g.owner {
			seen, err := g.view(t, bob)
			require.NoError(t, err, "who stays still reads it")
			assert.Equal(t, last.GetLastSeq(), seen.GetLastSeq(), "it is no message")
			assert.EqualValues(t, 1, seen.GetGroup().GetMemberCount())
		}
	}
	assert.Equal(t, told, g.announced(t), "nobody is told")
	left, err := c.FindMembers(t.Context(), &pb.FindMembersRequest{GroupId: g.id, UserIds: []int64{g.owner, bob, cyd}})
	require.NoError(t, err)
	assert.Empty(t, left.GetMembers())
}

// state is everything that a refused change might have changed.
func (g *crew) state(t *testing.T) string {
	t.Helper()
	found, err := g.FindGroup(t.Context(), &pb.FindGroupRequest{GroupId: g.id})
	require.NoError(t, err)
	page, err := g.PageMembers(t.Context(), &pb.PageMembersRequest{GroupId: g.id, Limit: 500})
	require.NoError(t, err)
	seen, err := g.view(t, g.owner)
	require.NoError(t, err)
	return fmt.Sprint(found.GetGroup(), page.GetMembers(), seen.GetLastSeq(), g.announced(t))
}
