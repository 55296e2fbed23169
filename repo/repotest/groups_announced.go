package repotest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func (g *crew) announced(t *testing.T) (events []string) {
	t.Helper()
	out, err := g.ListAnnouncements(t.Context(), &pb.ListAnnouncementsRequest{Before: time.Now().Add(time.Hour).UnixMilli(), Limit: 100_000})
	require.NoError(t, err)
	for _, a := range out.GetAnnouncements() {
		if a.GetGroupId() == g.id {
			events = append(events, a.GetEvent())
		}
	}
	return events
}

// announcements are kept from the change on until they are dropped.
func announcements(t *testing.T, c *clients) {
	g := c.crew(t, 1)
	bob, cyd, open := g.rest[0], c.user(t), contracts.JoinOpen
	g.must(t, &pb.ChangeGroupRequest{Change: add(cyd)})
	g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Patch{Patch: &pb.GroupPatch{JoinPolicy: &open}}})
	g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Patch{Patch: &pb.GroupPatch{JoinPolicy: &open}}}) // nothing new
	g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Role{Role: &pb.GroupRole{UserId: bob, Role: contracts.RoleAdmin}}})
	g.must(t, &pb.ChangeGroupRequest{ActorId: cyd, Change: remove(cyd)})
	g.must(t, &pb.ChangeGroupRequest{Change: &pb.ChangeGroupRequest_Dissolve{Dissolve: &pb.GroupDissolve{}}})
	assert.Equal(t, []string{"created", "members-added", "updated", "role-changed", "member-removed", "dissolved"}, g.announced(t))
	out, err := c.ListAnnouncements(t.Context(), &pb.ListAnnouncementsRequest{Before: time.Now().Add(time.Hour).UnixMilli(), Limit: 100_000})
	require.NoError(t, err)
	var mine []int64
	for _, a := range out.GetAnnouncements() {
		if a.GetGroupId() != g.id {
			continue
		}
		mine = append(mine, a.GetAnnouncementId())
		if a.GetEvent() == contracts.EventMemberRemoved {
			// The pipeline finds the system message stored, also when its sender has left since.
			m := a.GetMessage()
			found, err := c.FindOutcome(t.Context(), &pb.FindOutcomeRequest{SenderId: m.GetSenderId(), TempMessageId: m.GetTempMessageId()})
			require.NoError(t, err)
			assert.Equal(t, m.GetSeqId(), found.GetMessage().GetSeqId())
			assert.Equal(t, m.GetContent(), found.GetMessage().GetContent())
		}
	}
	_, err = c.DropAnnouncements(t.Context(), &pb.DropAnnouncementsRequest{AnnouncementIds: mine})
	require.NoError(t, err)
	assert.Empty(t, g.announced(t))
	old, err := c.ListAnnouncements(t.Context(), &pb.ListAnnouncementsRequest{Before: 1, Limit: 10})
	require.NoError(t, err)
	assert.Empty(t, old.GetAnnouncements(), "only those from before a time")
}

// membersUnderLoad lets members come and go while others send: one sequence, no hole, and
// everyone's interval begins exactly at their own joining.
func membersUnderLoad(t *testing.T, c *clients) {
	g := c.crew(t, 2)
	var visitors []int64
	for range 4 {
		visitors = append(visitors, c.user(t))
	}
	var wg sync.WaitGroup
	for w, user := range append([]int64{g.owner}, g.rest...) {
		wg.Go(func() {
			for n := range 30 {
				out, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{message(g.conv, user, fmt.Sprintf("w%d-%d", w, n))}})
				if assert.NoError(t, err) {
					assert.Equal(t, pb.SaveResult_OUTCOME_STORED, out.GetResults()[0].GetOutcome())
				}
			}
		})
	}
	for _, v := range visitors {
		wg.Go(func() {
			for range 5 {
				in, err := g.change(&pb.ChangeGroupRequest{Change: add(v)})
				if !assert.NoError(t, err) {
					return
				}
				seen, err := g.view(t, v)
				if assert.NoError(t, err) {
					assert.Equal(t, in.GetAnnouncement().GetMessage().GetSeqId()-1, seen.GetJoinSeq())
				}
				_, err = g.change(&pb.ChangeGroupRequest{Change: remove(v)})
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	got, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: g.conv, HasAfter: true, Limit: 500})
	require.NoError(t, err)
	require.Len(t, got.GetMessages(), 3*30+4*5*2)
	for i, m := range got.GetMessages() {
		require.EqualValues(t, i+1, m.GetSeqId())
	}
	ids, _ := g.ids(t)
	assert.Equal(t, 3, len(ids))
	found, err := c.FindGroup(t.Context(), &pb.FindGroupRequest{GroupId: g.id})
	require.NoError(t, err)
	assert.EqualValues(t, 3, found.GetGroup().GetMemberCount())
}

func shrinking(t *testing.T, c *clients) {
	g := c.crew(t, 3)
	assert.EqualValues(t, 4, g.say(t, g.owner, "a").GetGroupSize())
	g.must(t, &pb.ChangeGroupRequest{Change: remove(g.rest[0])})
	g.must(t, &pb.ChangeGroupRequest{Change: remove(g.rest[1])})
	saved := g.say(t, g.owner, "b")
	assert.EqualValues(t, 4, saved.GetGroupSize(), "as large as it was, for a while")
	assert.EqualValues(t, 3, saved.GetMembersVersion())
	facts, err := c.Memberships(t.Context(), &pb.MembershipsRequest{Keys: []*pb.MembershipKey{{ConversationId: g.conv, UserId: g.rest[2]}, {ConversationId: g.conv, UserId: g.rest[0]}}})
	require.NoError(t, err)
	one, two := facts.GetMemberships()[0], facts.GetMemberships()[1]
	assert.EqualValues(t, 4, one.GetMemberCount())
	assert.Equal(t, contracts.RoleMember, one.GetRole())
	assert.True(t, one.GetMember() && !two.GetMember())
	// A minute later the group's size is its number of members.
	in := &pb.ChangeGroupRequest{
		GroupId: g.id, ActorId: g.owner, ActorRoles: everyRole, AnnouncementId: nextID(), MessageId: nextID(),
		At: time.Now().Add(-2 * time.Minute).UnixMilli(), Change: remove(g.rest[2]),
	}
	_, err = c.ChangeGroup(t.Context(), in)
	require.NoError(t, err)
	assert.EqualValues(t, 1, g.say(t, g.owner, "c").GetGroupSize())
	// A connection may be lost after the commit: the change is made once.
	again, err := c.ChangeGroup(t.Context(), in)
	require.NoError(t, err)
	assert.EqualValues(t, 1, again.GetGroup().GetMemberCount())
	assert.True(t, slices.Equal(again.GetAnnouncement().GetFormerUserIds(), []int64{g.rest[2]}))
}
