package repotest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// standing is what a member's list says of a conversation.
type standing struct {
	lastSeq, readSeq, unread uint64
	// last is the content of the last message.
	last string
	at   int64
}

func (c *clients) standing(t *testing.T, conv string, user int64) standing {
	t.Helper()
	one, err := c.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: conv, UserId: user})
	require.NoError(t, err)
	page, err := c.ListConversations(t.Context(), &pb.ListConversationsRequest{UserId: user, Limit: 100})
	require.NoError(t, err)
	for _, listed := range page.GetConversations() {
		if listed.GetConversationId() != conv {
			continue
		}
		assert.Equal(t, one.GetConversation().GetUnread(), listed.GetUnread(), "the list says the same")
		assert.Equal(t, one.GetConversation().GetLastMessage().GetMessageId(), listed.GetLastMessage().GetMessageId())
	}
	v := one.GetConversation()
	require.NotNil(t, v.Unread, "it is counted")
	return standing{v.GetLastSeq(), v.GetReadSeq(), v.GetUnread(), v.GetLastMessage().GetContent(), v.GetLastMessageAt()}
}

// unread: changes are not counted, and leave read positions, the last message and the order of
// the list as they are.
func unread(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	at := time.Now().UnixMilli() - 10_000
	say := func(user int64, key string, after int64) {
		m := message(conv, user, key)
		m.Timestamp = at + after
		c.save(t, m)
	}
	alter := func(user int64, key string, ch *pb.Change) {
		require.Equal(t, pb.SaveResult_OUTCOME_STORED, c.save(t, change(conv, user, key, ch))[0].GetOutcome())
	}
	say(a, "u1", 1)
	say(a, "u2", 2)
	alter(b, "c1", react(1, "👍"))
	alter(a, "c2", edit(1, "better"))
	made := c.standing(t, conv, b).at
	assert.Equal(t, standing{4, 0, 2, "hello u2", made}, c.standing(t, conv, b), "a reaction of one's own reads nothing")
	assert.Equal(t, standing{4, 2, 0, "hello u2", made}, c.standing(t, conv, a), "an edit of one's own neither")
	alter(a, "c3", recall(2))
	assert.Equal(t, standing{5, 0, 2, "", made}, c.standing(t, conv, b), "a recalled message still counts, emptied")
	for _, step := range []struct{ seq, read, unread uint64 }{{1, 1, 1}, {2, 2, 0}, {3, 3, 0}, {9, 5, 0}} {
		got, err := c.MarkRead(t.Context(), &pb.MarkReadRequest{ConversationId: conv, UserId: b, SeqId: step.seq})
		require.NoError(t, err)
		assert.Equal(t, []uint64{step.read, step.unread}, []uint64{got.GetReadSeq(), got.GetUnread()})
	}
	say(b, "u6", 20_000)
	alter(b, "c4", react(6, "👍"))
	assert.Equal(t, standing{7, 6, 0, "hello u6", at + 20_000}, c.standing(t, conv, b))
	assert.Equal(t, standing{7, 2, 1, "hello u6", at + 20_000}, c.standing(t, conv, a), "between changes, too")
	require.NoError(t, c.flush(t.Context()))
	// Messages and changes of one transaction.
	run := []*pb.Message{message(conv, a, "u8"), change(conv, b, "c9", react(6, "🎉")), message(conv, a, "u10"), change(conv, a, "c11", react(6, "🎉"))}
	c.save(t, run...)
	seen := c.standing(t, conv, b)
	assert.Equal(t, []uint64{11, 6, 2}, []uint64{seen.lastSeq, seen.readSeq, seen.unread})
	assert.Equal(t, "hello u10", seen.last)
	assert.EqualValues(t, 10, c.standing(t, conv, a).readSeq)
}

// unreadOfGroups: members who come and go are not counted and read nothing, and a newcomer is
// not shown a last message from before.
func unreadOfGroups(t *testing.T, c *clients) {
	g := c.crew(t, 1)
	bob, cyd := g.rest[0], c.user(t)
	made := c.standing(t, g.conv, bob).at
	g.must(t, &pb.ChangeGroupRequest{Change: add(cyd)})
	for _, user := range []int64{g.owner, bob, cyd} {
		assert.Equal(t, standing{1, 0, 0, "", made}, c.standing(t, g.conv, user), "nothing was said")
	}
	g.say(t, g.owner, "first")
	dan := c.user(t)
	g.must(t, &pb.ChangeGroupRequest{Change: add(dan)})
	at := c.standing(t, g.conv, bob).at
	assert.Equal(t, standing{3, 0, 1, "hello first", at}, c.standing(t, g.conv, bob))
	assert.Equal(t, standing{3, 2, 0, "", at}, c.standing(t, g.conv, dan), "what was before is not for them")
	g.must(t, &pb.ChangeGroupRequest{Change: remove(cyd)})
	g.say(t, bob, "second")
	assert.Equal(t, uint64(1), c.standing(t, g.conv, dan).unread)
	assert.Equal(t, standing{5, 2, 1, "hello second", c.standing(t, g.conv, bob).at}, c.standing(t, g.conv, g.owner))
	for n := range 150 { // more than one statement's rows
		require.Equal(t, pb.SaveResult_OUTCOME_STORED, c.save(t, change(g.conv, bob, fmt.Sprint("r", n), react(5, fmt.Sprint(n))))[0].GetOutcome())
	}
	assert.Equal(t, standing{155, 2, 1, "hello second", c.standing(t, g.conv, bob).at}, c.standing(t, g.conv, dan))
}
