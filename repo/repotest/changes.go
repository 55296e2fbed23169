package repotest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// change returns the message that the pipeline stores for a change.
func change(conv string, sender int64, key string, ch *pb.Change) *pb.Message {
	m := message(conv, sender, key)
	m.Change, m.MessageType, m.Content = ch, contracts.TypeSystem, contracts.ChangeContent(ch)
	return m
}

func edit(seq uint64, text string) *pb.Change {
	return &pb.Change{Kind: pb.Change_KIND_EDIT, SeqId: seq, Content: text}
}

func recall(seq uint64) *pb.Change { return &pb.Change{Kind: pb.Change_KIND_RECALL, SeqId: seq} }

func react(seq uint64, reaction string) *pb.Change {
	return &pb.Change{Kind: pb.Change_KIND_REACT, SeqId: seq, Reaction: reaction}
}

func unreact(seq uint64, reaction string) *pb.Change {
	return &pb.Change{Kind: pb.Change_KIND_UNREACT, SeqId: seq, Reaction: reaction}
}

func (c *clients) history(t *testing.T, conv string) []*pb.Message {
	t.Helper()
	got, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: conv, HasAfter: true, Limit: 500})
	require.NoError(t, err)
	for i, m := range got.GetMessages() {
		require.EqualValues(t, i+1, m.GetSeqId())
	}
	return got.GetMessages()
}

// shown is what a message looks like.
func shown(m *pb.Message) string {
	out := m.GetContent()
	if m.GetEditedAt() != 0 {
		out += " (edited)"
	}
	if m.GetRecalledAt() != 0 {
		out += fmt.Sprintf("(recalled by %d)", m.GetRecalledBy())
	}
	for _, r := range m.GetReactions() {
		out += fmt.Sprint(" ", r.GetReaction(), r.GetUserIds())
	}
	return out
}

func messagesChange(t *testing.T, c *clients) {
	t.Run("in the cache", func(t *testing.T) { c.changes(t, func() {}) })
	t.Run("without it", func(t *testing.T) { c.changes(t, func() { require.NoError(t, c.flush(t.Context())) }) })
}

func (c *clients) changes(t *testing.T, flush func()) {
	t.Helper()
	conv, a, b := c.single(t)
	answer := message(conv, b, "m2")
	answer.ReplyToSeq, answer.Mentions, answer.MentionsAll = 1, []int64{a}, true
	c.save(t, message(conv, a, "m1"), answer)
	for i, step := range []struct {
		by   int64
		ch   *pb.Change
		want string
	}{
		{a, edit(1, "better"), "better (edited)"},
		{b, react(1, "👍"), fmt.Sprint("better (edited) 👍", []int64{b})},
		{a, react(1, "👍"), fmt.Sprint("better (edited) 👍", []int64{b, a})},
		{a, react(1, "🎉"), fmt.Sprint("better (edited) 👍", []int64{b, a}, " 🎉", []int64{a})},
		{b, unreact(1, "👍"), fmt.Sprint("better (edited) 👍", []int64{a}, " 🎉", []int64{a})},
		{a, unreact(1, "🎉"), fmt.Sprint("better (edited) 👍", []int64{a})},
		{a, edit(1, "best"), fmt.Sprint("best (edited) 👍", []int64{a})},
		{a, recall(1), fmt.Sprintf("(recalled by %d)", a)},
	} {
		m := change(conv, step.by, fmt.Sprint("c", i), step.ch)
		got := c.save(t, m)[0]
		require.Equal(t, pb.SaveResult_OUTCOME_STORED, got.GetOutcome(), step.want)
		assert.EqualValues(t, i+3, got.GetMessage().GetSeqId(), "a change has a number of its own")
		for range 2 { // the second time it may be from the cache, where the first put it
			assert.Equal(t, step.want, shown(c.history(t, conv)[0]))
		}
		flush()
		again := c.save(t, m)[0]
		assert.Equal(t, pb.SaveResult_OUTCOME_DUPLICATE, again.GetOutcome(), "a key is used once")
		assert.Equal(t, got.GetMessage().GetSeqId(), again.GetMessage().GetSeqId())
	}
	all := c.history(t, conv)
	assert.EqualValues(t, 1, all[1].GetReplyToSeq())
	assert.Equal(t, []int64{a}, all[1].GetMentions())
	assert.True(t, all[1].GetMentionsAll())
	for _, m := range all {
		assert.NotContains(t, m.GetContent(), "bet", "a recalled text is nowhere, not in the edits either")
		assert.NotContains(t, m.GetContent(), "best")
	}
	found, err := c.FindOutcome(t.Context(), &pb.FindOutcomeRequest{SenderId: a, TempMessageId: "c0"})
	require.NoError(t, err)
	assert.NotContains(t, found.GetMessage().GetContent(), "better")
}

func changesRefused(t *testing.T, c *clients) {
	g := c.crew(t, 2)
	bob := g.rest[0]
	g.say(t, g.owner, "before")
	late := c.user(t)
	g.must(t, &pb.ChangeGroupRequest{Change: add(late)}) // 2
	g.say(t, bob, "three")
	c.save(t, change(g.conv, bob, "r1", react(3, "👍"))) // 4
	c.save(t, message(g.conv, bob, "five"), change(g.conv, bob, "r2", recall(5)))
	require.Len(t, c.history(t, g.conv), 5, "a message and its change cannot come together")
	c.save(t, change(g.conv, bob, "r3", recall(5))) // 6
	reply := func(seq uint64) *pb.Message {
		m := message(g.conv, late, fmt.Sprint("reply", seq))
		m.ReplyToSeq = seq
		return m
	}
	asAdmin := func(seq uint64) *pb.Change { return &pb.Change{Kind: pb.Change_KIND_RECALL, SeqId: seq, AsAdmin: true} }
	for what, one := range map[string]struct {
		m    *pb.Message
		want pb.SaveResult_Outcome
	}{
		"what is not there":             {change(g.conv, bob, "x1", edit(99, "x")), pb.SaveResult_OUTCOME_NO_TARGET},
		"what is from before":           {change(g.conv, late, "x2", react(1, "👍")), pb.SaveResult_OUTCOME_NO_TARGET},
		"an answer to what is before":   {reply(1), pb.SaveResult_OUTCOME_NO_TARGET},
		"an answer to the future":       {reply(99), pb.SaveResult_OUTCOME_NO_TARGET},
		"a system message":              {change(g.conv, g.owner, "x3", edit(2, "x")), pb.SaveResult_OUTCOME_CONFLICT},
		"a change":                      {change(g.conv, bob, "x4", recall(4)), pb.SaveResult_OUTCOME_CONFLICT},
		"what was recalled":             {change(g.conv, bob, "x5", react(5, "👍")), pb.SaveResult_OUTCOME_CONFLICT},
		"the same reaction":             {change(g.conv, bob, "x6", react(3, "👍")), pb.SaveResult_OUTCOME_REACTED_ALREADY},
		"it in another form":            {change(g.conv, bob, "x66", react(3, "👍\uFE0F")), pb.SaveResult_OUTCOME_REACTED_ALREADY},
		"a reaction that is not there":  {change(g.conv, bob, "x7", unreact(3, "🎉")), pb.SaveResult_OUTCOME_NO_TARGET},
		"somebody else's reaction":      {change(g.conv, g.owner, "x8", unreact(3, "👍")), pb.SaveResult_OUTCOME_NO_TARGET},
		"as an admin without being one": {change(g.conv, late, "x9", asAdmin(3)), pb.SaveResult_OUTCOME_FORBIDDEN},
		"by an outsider":                {change(g.conv, c.user(t), "x10", react(3, "👍")), pb.SaveResult_OUTCOME_NOT_MEMBER},
	} {
		before := fmt.Sprint(c.history(t, g.conv))
		assert.Equal(t, one.want, c.save(t, one.m)[0].GetOutcome(), what)
		assert.Equal(t, before, fmt.Sprint(c.history(t, g.conv)), "%s: it has changed something", what)
	}
	assert.Equal(t, pb.SaveResult_OUTCOME_STORED, c.save(t, reply(2))[0].GetOutcome())
	assert.Equal(t, pb.SaveResult_OUTCOME_STORED, c.save(t, change(g.conv, g.owner, "admin", asAdmin(3)))[0].GetOutcome())
	assert.Equal(t, fmt.Sprintf("(recalled by %d)", g.owner), shown(c.history(t, g.conv)[2]))
}

// changesAndCache: many change one message at the same time, while the cache is emptied; what
// is read is never older than what was answered.
func changesAndCache(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	c.save(t, message(conv, a, "m1"))
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for n := range 12 {
				mark := fmt.Sprintf("w%d-%d", w, n)
				sender := []int64{a, b}[w%2]
				out, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{change(conv, sender, mark, react(1, mark))}})
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, pb.SaveResult_OUTCOME_STORED, out.GetResults()[0].GetOutcome())
				got, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: conv, HasAfter: true, Limit: 1})
				if assert.NoError(t, err) {
					assert.Contains(t, shown(got.GetMessages()[0]), mark, "it was stored, and is not to be seen")
				}
				if n%4 == w%4 {
					assert.NoError(t, c.flush(t.Context()))
				}
			}
		})
	}
	wg.Wait()
	assert.Len(t, c.history(t, conv)[0].GetReactions(), 6*12)
}
