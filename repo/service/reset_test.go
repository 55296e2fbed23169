package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestResetsAreInOneAnswer: however much the conversations hold that a client has to take
// anew, one answer names all of them and stays within its bounds.
func TestResetsAreInOneAnswer(t *testing.T) {
	t.Parallel()
	const chats, each = 40, 200
	f := open(t)
	ids := f.chats(t, chats, each, 2000)
	have := map[string]uint64{}
	for _, id := range ids {
		have[id] = 1
	}
	got, err := f.Sync(patient(t), &pb.SyncRequest{UserId: 1, Have: have, Limit: each, Epoch: "another"})
	require.NoError(t, err)
	assert.False(t, got.GetMore())
	require.Equal(t, chats, len(got.GetConversations())) // not Len, which would print all of them
	size, without := 0, 0
	for _, c := range got.GetConversations() {
		assert.True(t, c.GetReset_())
		assert.EqualValues(t, each, c.GetLastSeq())
		for i, m := range c.GetMessages() {
			assert.EqualValues(t, int(c.GetLastSeq())-len(c.GetMessages())+i+1, m.GetSeqId(), "they are the last ones")
			size += len(m.GetContent())
		}
		assert.Equal(t, len(c.GetMessages()) < each, c.GetHasMore())
		if len(c.GetMessages()) == 0 {
			without++
		}
	}
	assert.Positive(t, without)
	assert.Less(t, size, 2<<20)
	assert.Greater(t, size, 1<<20)
}

// TestSyncsTellNoTextFromBeforeOneJoined: an edit has the whole new text of the message that it
// changes. Whoever joined after that message learns that it was edited, and not to what, in
// whichever way the client asks, from the cache and from the database.
func TestSyncsTellNoTextFromBeforeOneJoined(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 5)
	_, err := f.db.Writer().DB.ExecContext(t.Context(), "INSERT INTO conversation_members (conversation_id, user_id, join_seq) VALUES ('group_9',3,5)")
	require.NoError(t, err)
	out, err := f.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{{
		MessageId: 6, ConversationId: "group_9", SenderId: 1, TempMessageId: "edit", Timestamp: 6, MessageType: contracts.TypeSystem,
		Content: `{"event":"message-edited","seqId":5,"content":"secret"}`, Change: &pb.Change{Kind: pb.Change_KIND_EDIT, SeqId: 5, Content: "secret"},
	}}})
	require.NoError(t, err)
	require.Equal(t, pb.SaveResult_OUTCOME_STORED, out.GetResults()[0].GetOutcome())
	for name, c := range map[string]struct {
		have  map[string]uint64
		epoch string
		reset bool
	}{
		"another epoch":                {map[string]uint64{"group_9": 1}, "another", true},
		"another epoch, and all of it": {map[string]uint64{"group_9": 6}, "another", true},
		"a number that is not there":   {map[string]uint64{"group_9": 999_999}, "", true},
		"from the start":               {map[string]uint64{"group_9": 0}, "", false},
		"a conversation not named":     {nil, "", false},
	} {
		for _, from := range []*fixture{f, f.again(t)} {
			for user, want := range map[int64]string{
				2: `{"event":"message-edited","seqId":5,"content":"secret"}`, 3: `{"event":"message-edited","seqId":5}`,
			} {
				got, err := from.Sync(t.Context(), &pb.SyncRequest{UserId: user, Have: c.have, Epoch: c.epoch, Limit: 10})
				require.NoError(t, err)
				require.Len(t, got.GetConversations(), 1, name)
				assert.Equal(t, c.reset, got.GetConversations()[0].GetReset_(), name)
				messages := got.GetConversations()[0].GetMessages()
				require.NotEmpty(t, messages, name)
				edit := messages[len(messages)-1]
				require.EqualValues(t, 6, edit.GetSeqId(), name)
				assert.Equal(t, want, edit.GetContent(), "%s, user %d", name, user)
				assert.Equal(t, user == 2, edit.GetChange().GetContent() == "secret", "%s, user %d", name, user)
			}
		}
	}
}

// TestANewEpochIsSeen: what a restore or "gochat epoch new" changes reaches a process that
// runs.
func TestANewEpochIsSeen(t *testing.T) {
	t.Parallel()
	f := open(t)
	before, err := f.GetEpoch(t.Context(), &pb.GetEpochRequest{})
	require.NoError(t, err)
	made, err := f.store.NewEpoch(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, before.GetEpoch(), made)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		now, err := f.GetEpoch(t.Context(), &pb.GetEpochRequest{})
		require.NoError(c, err)
		assert.Equal(c, made, now.GetEpoch())
	}, time.Minute, 20*time.Millisecond)
}
