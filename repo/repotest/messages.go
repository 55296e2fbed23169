package repotest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func numbers(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	run := make([]*pb.Message, 6)
	for i, proposed := range []uint64{0, 2, 1, 99, 5, 0} { // right ones, wrong ones, none
		run[i] = message(conv, []int64{a, b}[i%2], fmt.Sprint("n", i))
		run[i].SeqId = proposed
	}
	for i, r := range c.save(t, run...) {
		assert.Equal(t, pb.SaveResult_OUTCOME_STORED, r.GetOutcome())
		assert.EqualValues(t, i+1, r.GetMessage().GetSeqId(), "the database has the last word")
	}
	got, err := c.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: conv, UserId: b})
	require.NoError(t, err)
	assert.EqualValues(t, 6, got.GetConversation().GetLastSeq())
	assert.EqualValues(t, 6, got.GetConversation().GetReadSeq(), "sending reads")
	assert.Equal(t, "n5", got.GetConversation().GetLastMessage().GetTempMessageId())

	keys := []*pb.ClientKey{{ConversationId: conv, SenderId: a, TempMessageId: "next"}}
	first, err := c.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: keys})
	require.NoError(t, err)
	again, err := c.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: keys})
	require.NoError(t, err)
	assert.Equal(t, []uint64{7}, first.GetSeqIds(), "seeded from the database")
	assert.Equal(t, first.GetSeqIds(), again.GetSeqIds(), "the same key, the same number")

	// A number whose message is never stored makes no hole, and is given back by the next one.
	after, then := message(conv, a, "after"), message(conv, a, "then")
	for _, m := range []*pb.Message{after, then} {
		given, err := c.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{
			Keys: []*pb.ClientKey{{ConversationId: conv, SenderId: a, TempMessageId: m.GetTempMessageId()}},
		})
		require.NoError(t, err)
		assert.Equal(t, []uint64{8}, given.GetSeqIds(), m.GetTempMessageId())
		m.SeqId = 8
		if m == after {
			assert.EqualValues(t, 7, c.save(t, after)[0].GetMessage().GetSeqId())
		}
	}
	late := message(conv, a, "next") // the one that was not stored, sent again
	late.SeqId = 7
	saved := c.save(t, then, late)
	assert.EqualValues(t, 8, saved[0].GetMessage().GetSeqId())
	assert.EqualValues(t, 9, saved[1].GetMessage().GetSeqId())
}

func keys(t *testing.T, c *clients) {
	conv, a, _ := c.single(t)
	twins := c.save(t, message(conv, a, "same"), message(conv, a, "same"))
	assert.Equal(t, pb.SaveResult_OUTCOME_STORED, twins[0].GetOutcome())
	assert.Equal(t, pb.SaveResult_OUTCOME_DUPLICATE, twins[1].GetOutcome())
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			out, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{message(conv, a, "same")}})
			if assert.NoError(t, err) {
				r := out.GetResults()[0]
				assert.Equal(t, pb.SaveResult_OUTCOME_DUPLICATE, r.GetOutcome())
				assert.Equal(t, twins[0].GetMessage().GetMessageId(), r.GetMessage().GetMessageId())
				assert.EqualValues(t, 1, r.GetMessage().GetSeqId())
			}
		})
	}
	wg.Wait()
	seen, err := c.LookupDedup(t.Context(), &pb.LookupDedupRequest{Keys: []*pb.ClientKey{
		{ConversationId: conv, SenderId: a, TempMessageId: "same"}, {ConversationId: conv, SenderId: a, TempMessageId: "other"},
	}})
	require.NoError(t, err)
	assert.Equal(t, twins[0].GetMessage().GetMessageId(), seen.GetStored()[0].GetMessageId())
	assert.Zero(t, seen.GetStored()[1].GetMessageId())
	outcome, err := c.FindOutcome(t.Context(), &pb.FindOutcomeRequest{SenderId: a, TempMessageId: "same"})
	require.NoError(t, err)
	assert.True(t, outcome.GetStored())
	assert.Equal(t, "hello same", outcome.GetMessage().GetContent())
}

func refusals(t *testing.T, c *clients) {
	conv, a, _ := c.single(t)
	outsider := c.user(t)
	got := c.save(t, message(conv, a, "r1"), message(conv, outsider, "r2"), message("single_0000000000000000", a, "r3"), message(conv, a, "r4"))
	want := []pb.SaveResult_Outcome{
		pb.SaveResult_OUTCOME_STORED, pb.SaveResult_OUTCOME_NOT_MEMBER, pb.SaveResult_OUTCOME_NOT_MEMBER, pb.SaveResult_OUTCOME_STORED,
	}
	for i, r := range got {
		assert.Equal(t, want[i], r.GetOutcome(), i)
	}
	assert.EqualValues(t, 2, got[3].GetMessage().GetSeqId(), "no number for what was refused")
	facts, err := c.Memberships(t.Context(), &pb.MembershipsRequest{Keys: []*pb.MembershipKey{
		{ConversationId: conv, UserId: a}, {ConversationId: conv, UserId: outsider}, {ConversationId: "group_1", UserId: a},
		{ConversationId: string(contracts.World), UserId: outsider},
	}})
	require.NoError(t, err)
	var members []bool
	for _, m := range facts.GetMemberships() {
		members = append(members, m.GetMember())
	}
	assert.Equal(t, []bool{true, false, false, true}, members)
	assert.False(t, facts.GetMemberships()[2].GetExists())
}

// history compares every combination of bounds with a model, with a full cache and
// with an empty one.
func history(t *testing.T, c *clients) {
	const total = 12
	conv, a, _ := c.single(t)
	for i := range total {
		c.save(t, message(conv, a, fmt.Sprint("h", i)))
	}
	for _, cached := range []bool{true, false} {
		for after := -1; after <= total+1; after++ {
			for before := 0; before <= total+2; before++ {
				if !cached && rand.IntN(4) == 0 { //nolint:gosec // now and then
					require.NoError(t, c.flush(t.Context()))
				}
				for _, limit := range []int{1, 5, 50} {
					in := &pb.HistoryRequest{ConversationId: conv, BeforeSeq: uint64(before), Limit: int32(limit), HasAfter: after >= 0, AfterSeq: uint64(max(after, 0))}
					got, err := c.History(t.Context(), in)
					require.NoError(t, err)
					var seqs []int
					for _, m := range got.GetMessages() {
						seqs = append(seqs, int(m.GetSeqId()))
						assert.Equal(t, fmt.Sprint("h", m.GetSeqId()-1), m.GetTempMessageId())
					}
					want, more := model(total, after, before, limit)
					require.Equal(t, want, seqs, "%v", in)
					require.Equal(t, more, got.GetHasMore(), "%v", in)
				}
			}
		}
	}
}

func model(total, after, before, limit int) (want []int, more bool) {
	for s := 1; s <= total; s++ {
		if s > after && (before == 0 || s < before) {
			want = append(want, s)
		}
	}
	if len(want) <= limit {
		return want, false
	}
	if after >= 0 {
		return want[:limit], true
	}
	return want[len(want)-limit:], true
}

// flushUnderLoad empties the cache while messages are numbered and stored.
func flushUnderLoad(t *testing.T, c *clients) {
	const writers, each = 8, 40
	conv, a, b := c.single(t)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				m := message(conv, []int64{a, b}[w%2], fmt.Sprintf("w%d-%d", w, n))
				key := &pb.ClientKey{ConversationId: conv, SenderId: m.GetSenderId(), TempMessageId: m.GetTempMessageId()}
				if got, err := c.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: []*pb.ClientKey{key}}); err == nil {
					m.SeqId = got.GetSeqIds()[0]
				}
				_, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{m}})
				assert.NoError(t, err)
				if n%10 == w {
					assert.NoError(t, c.flush(t.Context()))
				}
			}
		})
	}
	wg.Wait()
	got, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: conv, HasAfter: true, Limit: writers*each + 1})
	require.NoError(t, err)
	seen := map[string]bool{}
	for i, m := range got.GetMessages() {
		require.EqualValues(t, i+1, m.GetSeqId(), "no hole")
		seen[m.GetTempMessageId()] = true
	}
	assert.Len(t, seen, writers*each, "nothing twice, nothing lost")
}
