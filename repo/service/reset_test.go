package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
