package repotest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// kept is the retention in these tests. Messages of other tests are newer, so that they stay.
const kept = 30 * time.Minute

// old gives messages timestamps beyond the retention, so that they are due to expire.
func old(list ...*pb.Message) []*pb.Message {
	for i, m := range list {
		m.Timestamp = time.Now().Add(-time.Hour).UnixMilli() + int64(i)
	}
	return list
}

// expire repeats ExpireMessages until nothing is due, and returns how many messages have expired.
func (c *clients) expire(t *testing.T, limit int32) (messages int64) {
	t.Helper()
	for range 10_000 {
		out, err := c.ExpireMessages(t.Context(), &pb.ExpireMessagesRequest{SingleMs: kept.Milliseconds(), GroupMs: kept.Milliseconds(), Limit: limit})
		require.NoError(t, err)
		require.LessOrEqual(t, out.GetMessages(), int64(limit))
		if messages += out.GetMessages(); !out.GetMore() {
			return messages
		}
	}
	require.Fail(t, "no end")
	return 0
}

// outlives checks what is left of messages, with the cache and after it was emptied.
func (c *clients) outlives(t *testing.T, conv string, want []string) {
	t.Helper()
	for range 3 {
		var got []string
		for _, m := range c.history(t, conv) {
			line := shown(m)
			if m.GetExpired() {
				line += " (expired)"
				assert.Empty(t, m.GetMentions())
				assert.False(t, m.GetMentionsAll())
			}
			got = append(got, line)
		}
		assert.Equal(t, want, got)
		require.NoError(t, c.flush(t.Context()))
	}
}

// expiring: what messages say goes, everything else stays as it was.
func expiring(t *testing.T, c *clients) {
	c.expire(t, 1000) // what other tests have left
	conv, a, b := c.single(t)
	said := message(conv, b, "m2")
	said.ReplyToSeq, said.Mentions, said.MentionsAll, said.Content = 1, []int64{a}, true, "zanzibar"
	list := old(message(conv, a, "m1"), said)
	before := c.save(t, list...)
	before = append(before, c.save(t, old(change(conv, b, "m3", edit(2, "timbuktu")))...)...)
	before = append(before, c.save(t, old(change(conv, a, "m4", react(2, "👍")))...)...)
	before = append(before, c.save(t, change(conv, b, "m5", edit(2, "samarkand")), message(conv, a, "m6"))...)
	for _, r := range before {
		require.Equal(t, pb.SaveResult_OUTCOME_STORED, r.GetOutcome())
		_, err := c.IndexMessages(t.Context(), &pb.IndexMessagesRequest{Messages: []*pb.Message{r.GetMessage()}})
		require.NoError(t, err)
	}
	require.NotEmpty(t, c.find(t, a, conv, "hello m1", 10))
	c.history(t, conv) // the cache has it

	assert.EqualValues(t, 4, c.expire(t, 3))
	editedText := `{"event":"message-edited","seqId":2}`
	c.outlives(t, conv, []string{
		" (expired)", " (edited) (expired)", editedText + " (expired)", `{"event":"reaction-added","seqId":2} (expired)`, editedText, "hello m6",
	})
	assert.EqualValues(t, 1, c.history(t, conv)[1].GetReplyToSeq(), "a number says nothing")
	assert.Zero(t, c.expire(t, 3), "nothing expires twice")

	for i, r := range before { // the promises hold
		m := r.GetMessage()
		found, err := c.FindOutcome(t.Context(), &pb.FindOutcomeRequest{SenderId: m.GetSenderId(), TempMessageId: m.GetTempMessageId()})
		require.NoError(t, err)
		assert.Equal(t, m.GetMessageId(), found.GetMessage().GetMessageId())
		again := message(conv, m.GetSenderId(), m.GetTempMessageId())
		if m.GetChange() != nil {
			again = change(conv, m.GetSenderId(), m.GetTempMessageId(), m.GetChange())
		}
		got := c.save(t, again)[0]
		assert.Equal(t, pb.SaveResult_OUTCOME_DUPLICATE, got.GetOutcome())
		assert.Equal(t, m.GetMessageId(), got.GetMessage().GetMessageId())
		assert.EqualValues(t, i+1, got.GetMessage().GetSeqId())
	}
	for _, text := range []string{"hello m1", "zanzibar", "timbuktu", "samarkand"} {
		assert.Empty(t, c.find(t, a, conv, text, 10), text)
	}
	assert.Len(t, c.find(t, a, conv, "hello m6", 10), 1)
}

// expiredRefuses: what has expired takes no changes, and is answered like any message.
func expiredRefuses(t *testing.T, c *clients) {
	c.expire(t, 1000) // what other tests have left
	conv, a, b := c.single(t)
	c.save(t, old(message(conv, a, "e1"))...)
	require.EqualValues(t, 1, c.expire(t, 100))
	for i, ch := range []*pb.Change{edit(1, "new"), recall(1), react(1, "👍"), unreact(1, "👍")} {
		got := c.save(t, change(conv, a, fmt.Sprint("x", i), ch))[0]
		assert.Equal(t, pb.SaveResult_OUTCOME_CONFLICT, got.GetOutcome(), ch.GetKind())
	}
	answer := message(conv, b, "e2")
	answer.ReplyToSeq = 1
	assert.EqualValues(t, 2, c.save(t, answer)[0].GetMessage().GetSeqId(), "no number is taken for what is refused")
	c.outlives(t, conv, []string{" (expired)", "hello e2"})
}

// expiredEverywhere: lists and syncs show what has expired as history does; a conversation of
// which nothing is left is looked at again once somebody has written.
func expiredEverywhere(t *testing.T, c *clients) {
	c.expire(t, 1000) // what other tests have left
	conv, a, b := c.single(t)
	for round := uint64(1); round <= 3; round++ {
		m := message(conv, a, fmt.Sprint("r", round))
		c.save(t, old(m)...)
		require.EqualValues(t, 1, c.expire(t, 100), "round %d", round)
		for range 2 {
			got, err := c.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: conv, UserId: b})
			require.NoError(t, err)
			last := got.GetConversation().GetLastMessage()
			assert.Equal(t, round, last.GetSeqId())
			assert.True(t, last.GetExpired())
			assert.Empty(t, last.GetContent())
			assert.Equal(t, round, got.GetConversation().GetUnread(), "it counts as before")
			synced, err := c.Sync(t.Context(), &pb.SyncRequest{UserId: b, Have: map[string]uint64{conv: 0}, Limit: 100})
			require.NoError(t, err)
			require.Len(t, synced.GetConversations(), 1)
			for _, m := range synced.GetConversations()[0].GetMessages() {
				assert.True(t, m.GetExpired())
				assert.Empty(t, m.GetContent())
			}
		}
	}
	late := message(conv, a, "r4")
	stored := c.save(t, old(late)...)[0].GetMessage()
	require.EqualValues(t, 1, c.expire(t, 100))
	_, err := c.IndexMessages(t.Context(), &pb.IndexMessagesRequest{Messages: []*pb.Message{stored}})
	require.NoError(t, err, "the index was behind")
	assert.Empty(t, c.find(t, a, conv, "hello r4", 10))
}

// expiringMany: over many blocks of the search index, a few at a time, as far as it goes.
func expiringMany(t *testing.T, c *clients) {
	g := c.crew(t, 1)
	conv, a := g.conv, g.owner
	text := func(n int) string { return strings.Repeat(string(rune('a'+n%26)), 4) + fmt.Sprint(1000+n) }
	const gone, fresh = 150, 10
	for from := 0; from < gone+fresh; from += 10 {
		var run []*pb.Message
		for n := from; n < from+10; n++ {
			m := message(conv, a, fmt.Sprint("many", nextID()))
			m.Content = text(n)
			run = append(run, m)
		}
		if from < gone {
			old(run...)
		}
		var stored []*pb.Message
		for _, r := range c.save(t, run...) {
			stored = append(stored, r.GetMessage())
		}
		_, err := c.IndexMessages(t.Context(), &pb.IndexMessagesRequest{Messages: stored})
		require.NoError(t, err)
	}
	g.must(t, &pb.ChangeGroupRequest{Change: add(c.user(t))})
	first := c.history(t, conv)
	assert.GreaterOrEqual(t, c.expire(t, 7), int64(gone))
	for i, m := range c.history(t, conv) {
		switch {
		case m.GetMessageType() == contracts.TypeSystem:
			assert.Equal(t, first[i].GetContent(), m.GetContent(), "who came and went stays")
			assert.False(t, m.GetExpired())
		case m.GetTimestamp() < time.Now().Add(-kept).UnixMilli():
			assert.True(t, m.GetExpired())
			assert.Empty(t, m.GetContent())
		default:
			assert.Equal(t, first[i].GetContent(), m.GetContent())
		}
		assert.Equal(t, first[i].GetMessageId(), m.GetMessageId())
		assert.Equal(t, first[i].GetTempMessageId(), m.GetTempMessageId())
	}
	for n := range gone + fresh {
		found := c.find(t, a, conv, text(n), 10)
		if n < gone {
			assert.Empty(t, found, n)
		} else {
			assert.Len(t, found, 1, n)
		}
	}
	for _, bad := range []int32{0, -1, 10_001} {
		_, err := c.ExpireMessages(t.Context(), &pb.ExpireMessagesRequest{Limit: bad})
		assert.Equal(t, contracts.CodeInvalidArgument, code(err))
		_, err = c.ForgetRecords(t.Context(), &pb.ForgetRecordsRequest{Limit: bad})
		assert.Equal(t, contracts.CodeInvalidArgument, code(err))
	}
}

// forgetting: poisoned records go by their time, a few at a time, and none that is newer.
func forgetting(t *testing.T, c *clients) {
	keep := func(uuid string, at int64) {
		_, err := c.KeepPoison(t.Context(), &pb.KeepPoisonRequest{Records: []*pb.PoisonRecord{{Uuid: uuid, Metadata: map[string]string{
			contracts.MetaPoisonAt: fmt.Sprint(at), contracts.MetaPoisonTopic: "t", contracts.MetaPoisonGroup: "g",
		}}}})
		require.NoError(t, err)
	}
	for i := range int64(5) {
		keep(fmt.Sprint("old", nextID()), 1000+i)
	}
	keep(fmt.Sprint("new", nextID()), 5000)
	keep(fmt.Sprint("undated", nextID()), 0)
	var gone []int64
	for range 3 {
		out, err := c.ForgetRecords(t.Context(), &pb.ForgetRecordsRequest{PoisonBefore: 1005, WebhookAttemptsBefore: 1005, Limit: 3})
		require.NoError(t, err)
		assert.Equal(t, out.GetPoison() == 3, out.GetMore())
		gone = append(gone, out.GetPoison())
	}
	assert.Equal(t, []int64{3, 2, 0}, gone)
}
