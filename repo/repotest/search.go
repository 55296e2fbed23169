package repotest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// texts stores texts as messages of a conversation and brings them into the index,
// twice, as a queue may.
func (c *clients) texts(t *testing.T, conv string, sender int64, texts ...string) (ids []int64) {
	t.Helper()
	var run, stored []*pb.Message
	for _, text := range texts {
		m := message(conv, sender, fmt.Sprint("s", nextID()))
		m.Content = text
		run = append(run, m)
	}
	for _, r := range c.save(t, run...) {
		require.Equal(t, pb.SaveResult_OUTCOME_STORED, r.GetOutcome())
		stored = append(stored, r.GetMessage())
		ids = append(ids, r.GetMessage().GetMessageId())
	}
	for range 2 {
		_, err := c.IndexMessages(t.Context(), &pb.IndexMessagesRequest{Messages: stored})
		require.NoError(t, err)
	}
	return ids
}

// find reads all pages of a search.
func (c *clients) find(t *testing.T, user int64, conv, query string, limit int32) (out []*pb.Message) {
	t.Helper()
	in := &pb.SearchMessagesRequest{UserId: user, ConversationId: conv, Query: query, Limit: limit}
	for range 1000 {
		page, err := c.SearchMessages(t.Context(), in)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.GetMessages()), int(limit))
		out = append(out, page.GetMessages()...)
		if in.Cursor = page.GetNextCursor(); in.GetCursor() == "" {
			return out
		}
	}
	require.Fail(t, "no end")
	return nil
}

// contents is what was found, sorted.
func contents(found []*pb.Message) []string {
	out := []string{}
	for _, m := range found {
		out = append(out, m.GetContent())
	}
	slices.Sort(out)
	return out
}

func searching(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	all := []string{
		"Meet me at the Café", "CAFE\u0301 noir", "no coffee", "今日は天気がいいですね", "🙂🙃 ok 👍🏽", `say "hi" AND (bye OR NOT*) - 100% a_b \ '`,
		"straße", "\nfirst line\nsecond line", "x", strings.Repeat("long ", 1500) + "end", "don’t go to İstanbul",
	}
	c.texts(t, conv, a, all...)
	for query, want := range map[string][]int{
		"café": {0, 1}, "CAFÉ": {0, 1}, "cafe": {}, "cafe\u0301": {0, 1}, "coffee": {2}, "e at th": {0}, "me": {0}, "天気": {3}, "天気が": {3}, "気天": {},
		"🙂🙃": {4}, "👍🏽": {4}, `"hi" and (`: {5}, "NOT*": {5}, "100%": {5}, "a_b": {5}, `\ '`: {5}, "' OR 1=1 --": {}, "hi AND bye": {}, "hi*": {}, "STRASSE": {6},
		"line\nsec": {7}, "first line second": {7}, " \tline  sec ": {7}, "DON'T": {10}, "don´t": {10}, "istanbul": {10}, "İSTANBUL": {10},
		"気": {3}, "🙂": {4}, "g end": {9}, "nowhere": {}, "%%": {}, "__": {},
	} {
		want := func() (out []string) {
			out = []string{}
			for _, i := range want {
				out = append(out, all[i])
			}
			slices.Sort(out)
			return out
		}()
		for _, user := range []int64{a, b} {
			assert.Equal(t, want, contents(c.find(t, user, conv, query, 3)), query)
			assert.Equal(t, want, contents(c.find(t, user, "", query, 3)), query)
		}
	}
	_, err := c.SearchMessages(t.Context(), &pb.SearchMessagesRequest{UserId: a, Query: "café", Limit: 5, Cursor: "nonsense"})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err))
	_, err = c.SearchMessages(t.Context(), &pb.SearchMessagesRequest{UserId: a, Query: "café", Limit: 101})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err), "it is not cut silently")
}

// searchIsForMembers: what others wrote is not found, in whatever conversation one asks.
func searchIsForMembers(t *testing.T, c *clients) {
	conv, a, _ := c.single(t)
	other, x, _ := c.single(t)
	c.texts(t, conv, a, "my secret")
	c.texts(t, other, x, "their secret")
	assert.Equal(t, []string{"my secret"}, contents(c.find(t, a, "", "secret", 10)))
	assert.Empty(t, c.find(t, a, other, "secret", 10))
	assert.Empty(t, c.find(t, c.user(t), conv, "secret", 10))
	assert.Empty(t, c.find(t, nextID(), "", "secret", 10), "nobody")
}

// searchPages: over many conversations and blocks everything is there once, newest
// first, whatever the size of the page.
func searchPages(t *testing.T, c *clients) {
	const chats, each = 15, 70
	me := c.user(t)
	var want []int64
	for i := range chats {
		peer := c.user(t)
		made, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: me, PeerId: peer})
		require.NoError(t, err)
		texts := make([]string, each)
		for n := range texts {
			texts[n] = fmt.Sprintf("common words %d and %d", i, n)
		}
		want = append(want, c.texts(t, made.GetConversationId(), peer, texts...)...)
	}
	for _, limit := range []int32{7, 100} {
		got := c.find(t, me, "", "common", limit)
		var ids []int64
		for i, m := range got {
			ids = append(ids, m.GetMessageId())
			if i > 0 {
				last := got[i-1]
				assert.False(t, m.GetTimestamp() > last.GetTimestamp() ||
					m.GetTimestamp() == last.GetTimestamp() && m.GetMessageId() > last.GetMessageId(), "newest first")
			}
		}
		assert.ElementsMatch(t, want, ids)
	}
	assert.Len(t, c.find(t, me, "", "words 7 and 1", 5), 11)
}

// Change gives the suite ways to change the store that no service has.
type Change struct {
	// Exec runs a statement.
	Exec func(t *testing.T, query string, args ...any)
}

// RunSearch is the part of the suite that changes what was stored behind the role's
// back.
func RunSearch(t *testing.T, s Suite, change Change) {
	t.Helper()
	c := connect(s)
	t.Run("changed messages", func(t *testing.T) { searchChanged(t, c, change) })
	t.Run("where one may read", func(t *testing.T) { searchScope(t, c, change) })
	t.Run("earlier messages", func(t *testing.T) { searchBackfill(t, c, change) })
}

func searchChanged(t *testing.T, c *clients, change Change) {
	conv, a, _ := c.single(t)
	ids := c.texts(t, conv, a, "apples", "bananas", "cherries", "dates")
	change.Exec(t, "UPDATE messages SET content = '' WHERE message_id = ?", ids[0])
	change.Exec(t, "UPDATE messages SET content = 'grapes' WHERE message_id = ?", ids[1])
	change.Exec(t, "UPDATE messages SET message_type = 'system' WHERE message_id = ?", ids[2])
	for _, gone := range []string{"apples", "bananas", "cherries"} {
		assert.Empty(t, c.find(t, a, conv, gone, 5), "the messages decide, whatever the index says: %s", gone)
	}
	for range 2 {
		_, err := c.RefreshIndex(t.Context(), &pb.RefreshIndexRequest{Messages: []*pb.MessageRef{
			{ConversationId: conv, SeqId: 1}, {ConversationId: conv, SeqId: 2}, {ConversationId: conv, SeqId: 999}, {ConversationId: "group_1", SeqId: 1},
		}})
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"grapes"}, contents(c.find(t, a, conv, "grapes", 5)))
	assert.Equal(t, []string{"dates"}, contents(c.find(t, a, conv, "dates", 5)), "its neighbours stay")
	c.texts(t, conv, a, "elderberries")
	assert.Len(t, c.find(t, a, conv, "elderberries", 5), 1)
	assert.Len(t, c.find(t, a, conv, "dates", 5), 1, "what comes to a block takes nothing away")
	_, err := c.RefreshIndex(t.Context(), &pb.RefreshIndexRequest{Messages: []*pb.MessageRef{{ConversationId: conv}}})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err))
}

func searchScope(t *testing.T, c *clients, change Change) {
	a, b := c.user(t), c.user(t)
	group := nextID()
	conv := string(contracts.GroupConversation(contracts.GroupID(group)))
	change.Exec(t, "INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at) VALUES (?, 2, ?, 1, 1)", conv, group)
	for _, user := range []int64{a, b} {
		change.Exec(t, "INSERT INTO conversation_members (conversation_id, user_id) VALUES (?, ?)", conv, user)
	}
	var texts []string
	for i := range 150 {
		texts = append(texts, fmt.Sprintf("group talk %03d", i+1))
	}
	c.texts(t, conv, a, texts...)
	change.Exec(t, "UPDATE conversation_members SET join_seq = 100 WHERE conversation_id = ? AND user_id = ?", conv, b)
	assert.Len(t, c.find(t, a, "", "group talk", 100), 150)
	assert.Equal(t, texts[100:], contents(c.find(t, b, "", "group talk", 100)), "nothing from before one joined")
	assert.Empty(t, c.find(t, b, conv, "talk 100", 5))
	change.Exec(t, "UPDATE conversation_members SET left_seq = 150 WHERE conversation_id = ? AND user_id = ?", conv, b)
	assert.Empty(t, c.find(t, b, "", "group talk", 100), "nor after one left")
	assert.Empty(t, c.find(t, b, conv, "group talk", 100))

	// What was said in world before one came can be read, and is found.
	word := fmt.Sprint("world", nextID())
	c.texts(t, string(contracts.World), a, word)
	assert.Len(t, c.find(t, c.user(t), "", word, 5), 1)
}

// searchBackfill: messages that never went through the queue are found once the
// backfill has come by, which any number may do at the same time.
func searchBackfill(t *testing.T, c *clients, change Change) {
	conv, a, b := c.single(t)
	var run []*pb.Message
	for i := range 200 {
		m := message(conv, []int64{a, b}[i%2], fmt.Sprint("old", i))
		m.Content = fmt.Sprintf("old story %03d", i)
		run = append(run, m)
	}
	c.save(t, run...)
	assert.Empty(t, c.find(t, a, conv, "old story", 100))
	change.Exec(t, "UPDATE search_backfill SET conversation_id = '', block = 0, done = 0")
	ends := make(chan error, 3)
	for range cap(ends) {
		go func() {
			for {
				step, err := c.BackfillIndex(t.Context(), &pb.BackfillIndexRequest{})
				if err != nil || step.GetDone() {
					ends <- err
					return
				}
			}
		}()
	}
	for range cap(ends) {
		require.NoError(t, <-ends)
	}
	assert.Len(t, c.find(t, a, conv, "old story", 100), 200)
	assert.Len(t, c.find(t, a, conv, "story 137", 100), 1)
	again, err := c.BackfillIndex(t.Context(), &pb.BackfillIndexRequest{})
	require.NoError(t, err)
	assert.True(t, again.GetDone())
	assert.Zero(t, again.GetMessages())
}
