package service_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestGroupsShowNothingFromBeforeOneJoined, and nothing after one left.
func TestGroupsShowNothingFromBeforeOneJoined(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 5)
	_, err := f.db.Writer().DB.ExecContext(t.Context(), "INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq) VALUES ('group_9',3,3,3)")
	require.NoError(t, err)
	for _, have := range []map[string]uint64{nil, {"group_9": 0}, {"group_9": 3}} {
		got, err := f.Sync(t.Context(), &pb.SyncRequest{UserId: 3, Have: have, Limit: 10})
		require.NoError(t, err)
		require.Len(t, got.GetConversations(), 1)
		var seqs []uint64
		for _, m := range got.GetConversations()[0].GetMessages() {
			seqs = append(seqs, m.GetSeqId())
		}
		assert.Equal(t, []uint64{4, 5}, seqs, have)
	}
	seen, err := f.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: "group_9", UserId: 3})
	require.NoError(t, err)
	assert.Equal(t, "Nine", seen.GetConversation().GetGroup().GetName())
	assert.EqualValues(t, 3, seen.GetConversation().GetJoinSeq())

	_, err = f.db.Writer().DB.ExecContext(t.Context(), "UPDATE conversation_members SET left_seq = 5 WHERE user_id = 3 AND conversation_id = 'group_9'")
	require.NoError(t, err)
	_, err = f.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: "group_9", UserId: 3})
	assert.Equal(t, contracts.CodeNotFound, contracts.AsError(err).Code)
	_, err = f.MarkRead(t.Context(), &pb.MarkReadRequest{ConversationId: "group_9", UserId: 3, SeqId: 5})
	assert.Equal(t, contracts.CodeNotFound, contracts.AsError(err).Code)
	got, err := f.Sync(t.Context(), &pb.SyncRequest{UserId: 3, Limit: 10})
	require.NoError(t, err)
	assert.Empty(t, got.GetConversations())
	facts, err := f.Memberships(t.Context(), &pb.MembershipsRequest{Keys: []*pb.MembershipKey{{ConversationId: "group_9", UserId: 3}, {ConversationId: "group_9", UserId: 2}}})
	require.NoError(t, err)
	assert.False(t, facts.GetMemberships()[0].GetMember())
	assert.True(t, facts.GetMemberships()[1].GetMember())
	assert.EqualValues(t, 2, facts.GetMemberships()[1].GetMemberCount())
}

func TestGroupMembersInPages(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 0)
	var ids []int64
	for after, more := int64(0), true; more; {
		page, err := f.ListMemberIDs(t.Context(), &pb.ListMemberIDsRequest{GroupId: 9, AfterUserId: after, Limit: 1})
		require.NoError(t, err)
		require.Len(t, page.GetUserIds(), 1)
		after, more = page.GetUserIds()[0], page.GetHasMore()
		ids = append(ids, after)
	}
	assert.Equal(t, []int64{1, 2}, ids)
	g, err := f.FindGroup(t.Context(), &pb.FindGroupRequest{GroupId: 9})
	require.NoError(t, err)
	assert.EqualValues(t, 2, g.GetGroup().GetMemberCount())
	_, err = f.FindGroup(t.Context(), &pb.FindGroupRequest{GroupId: 8})
	assert.Equal(t, contracts.CodeNotFound, contracts.AsError(err).Code)
}
