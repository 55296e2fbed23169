package repotest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func first(sender, receiver int64, key string) *pb.FirstMessage {
	return &pb.FirstMessage{SenderId: sender, ReceiverId: receiver, TempMessageId: key}
}

// firstMessages: each chat is made once, and a message that is stored already makes none.
func firstMessages(t *testing.T, c *clients) {
	old, a, b := c.single(t)
	d, e, nobody := c.user(t), c.user(t), nextID()
	c.save(t, message(old, a, "stored"))
	out, err := c.BeginSingles(t.Context(), &pb.BeginSinglesRequest{Messages: []*pb.FirstMessage{
		first(a, b, "again"), first(a, d, "one"), first(a, d, "two"), first(d, a, "back"),
		first(a, nobody, "to nobody"), first(a, a, "to oneself"), first(a, e, "stored"),
	}})
	require.NoError(t, err)
	require.Len(t, out.GetResults(), 7)
	for i, want := range []bool{true, true, true, true, false, false, false} {
		assert.Equal(t, want, out.GetResults()[i].GetThere(), i)
		assert.Equal(t, i == 6, out.GetResults()[i].GetStored() != nil, i)
	}
	assert.Equal(t, old, out.GetResults()[6].GetStored().GetConversationId())
	made := string(contracts.SingleConversation(contracts.UserID(a), contracts.UserID(d)))
	res := c.save(t, message(made, a, "one"), message(made, d, "back"))
	for i := range res {
		assert.Equal(t, pb.SaveResult_OUTCOME_STORED, res[i].GetOutcome())
		assert.EqualValues(t, i+1, res[i].GetMessage().GetSeqId())
	}
	_, err = c.GetConversation(t.Context(), &pb.GetConversationRequest{
		UserId: e, ConversationId: string(contracts.SingleConversation(contracts.UserID(a), contracts.UserID(e))),
	})
	assert.Equal(t, contracts.CodeNotFound, code(err), "a stored message made a chat")
	_, err = c.BeginSingles(t.Context(), &pb.BeginSinglesRequest{Messages: make([]*pb.FirstMessage, contracts.SinglesBatch+1)})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err))
}

// firstMessagesMeet: calls that make the same chats at the same time all find them there, with both users.
func firstMessagesMeet(t *testing.T, c *clients) {
	users := make([]int64, 8)
	for i := range users {
		users[i] = c.user(t)
	}
	in := &pb.BeginSinglesRequest{}
	for _, a := range users {
		for _, b := range users {
			if a < b {
				in.Messages = append(in.Messages, first(a, b, "first"))
			}
		}
	}
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			out, err := c.BeginSingles(t.Context(), in)
			if !assert.NoError(t, err) {
				return
			}
			for i, r := range out.GetResults() {
				assert.True(t, r.GetThere(), i)
			}
		})
	}
	calls.Wait()
	for i, m := range in.GetMessages() {
		conv := string(contracts.SingleConversation(contracts.UserID(m.GetSenderId()), contracts.UserID(m.GetReceiverId())))
		for _, user := range []int64{m.GetSenderId(), m.GetReceiverId()} {
			_, err := c.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: conv, UserId: user})
			assert.NoError(t, err, i)
		}
	}
}
