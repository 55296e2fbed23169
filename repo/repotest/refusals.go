package repotest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func (c *clients) refuse(t *testing.T, conv string, sender int64, temp string) *pb.RefuseSendResponse {
	t.Helper()
	out, err := c.RefuseSend(t.Context(), &pb.RefuseSendRequest{Key: &pb.ClientKey{ConversationId: conv, SenderId: sender, TempMessageId: temp}})
	require.NoError(t, err)
	return out
}

// givenUp: a send that was given up is refused for ever, takes no number, and hurts nobody else's;
// one that is stored is not given up.
func givenUp(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	stored := c.save(t, message(conv, a, "g0"))[0].GetMessage()
	found := c.refuse(t, conv, a, "g0")
	assert.True(t, found.GetStored())
	assert.Equal(t, stored.GetMessageId(), found.GetMessage().GetMessageId())
	assert.Equal(t, pb.SaveResult_OUTCOME_DUPLICATE, c.save(t, message(conv, a, "g0"))[0].GetOutcome())

	for range 2 {
		assert.False(t, c.refuse(t, conv, a, "g1").GetStored())
	}
	// In another conversation, too: the key is the sender's.
	other, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: a, PeerId: c.user(t)})
	require.NoError(t, err)
	got := c.save(t, message(conv, a, "g1"), message(conv, b, "g1"), message(conv, a, "g2"), message(other.GetConversationId(), a, "g1"))
	for i, want := range []pb.SaveResult_Outcome{
		pb.SaveResult_OUTCOME_REFUSED, pb.SaveResult_OUTCOME_STORED, pb.SaveResult_OUTCOME_STORED, pb.SaveResult_OUTCOME_REFUSED,
	} {
		assert.Equal(t, want, got[i].GetOutcome(), i)
	}
	page, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: conv, Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.GetMessages(), 3)
	assert.EqualValues(t, 3, page.GetLastSeq())
	outcome, err := c.FindOutcome(t.Context(), &pb.FindOutcomeRequest{SenderId: a, TempMessageId: "g1"})
	require.NoError(t, err)
	assert.False(t, outcome.GetStored())
	forgotten, err := c.ForgetRefusals(t.Context(), &pb.ForgetRefusalsRequest{})
	require.NoError(t, err)
	assert.Zero(t, forgotten.GetForgotten(), "none is old")
}

// givenUpMeanwhile: a send is refused while it is being stored. Either it is stored or it is refused,
// and both calls say the same.
func givenUpMeanwhile(t *testing.T, c *clients) {
	conv, a, _ := c.single(t)
	stored := 0
	for i := range 60 {
		temp := fmt.Sprint("m", i)
		saving := make(chan *pb.SaveMessagesResponse, 1)
		go func() {
			saved, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{message(conv, a, temp)}})
			assert.NoError(t, err)
			saving <- saved
		}()
		refused := c.refuse(t, conv, a, temp)
		saved := (<-saving).GetResults()
		require.Len(t, saved, 1)
		want := pb.SaveResult_OUTCOME_REFUSED
		if refused.GetStored() {
			want = pb.SaveResult_OUTCOME_STORED
			stored++
		}
		assert.Equal(t, want, saved[0].GetOutcome(), temp)
	}
	tip, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: conv, Limit: 1})
	require.NoError(t, err)
	assert.EqualValues(t, stored, tip.GetLastSeq())
}
