package repotest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// syncing asks for more conversations than one read of the database holds, from a full
// cache, from one that has some of them and from an empty one.
func syncing(t *testing.T, c *clients) {
	const chats, each = 110, 3
	me := c.user(t)
	ids := make([]string, chats)
	for i := range ids {
		peer := c.user(t)
		made, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: me, PeerId: peer})
		require.NoError(t, err)
		ids[i] = made.GetConversationId()
		run := make([]*pb.Message, each)
		for n := range run {
			run[n] = message(ids[i], peer, fmt.Sprint("s", n))
		}
		c.save(t, run...)
	}
	look := func(what string) {
		have := map[string]uint64{ids[0]: each, ids[1]: 1}
		got, err := c.Sync(t.Context(), &pb.SyncRequest{UserId: me, Limit: 2, Have: have})
		require.NoError(t, err, what)
		assert.False(t, got.GetMore(), what)
		seen := map[string][]uint64{}
		for _, one := range got.GetConversations() {
			for _, m := range one.GetMessages() {
				assert.Equal(t, one.GetConversationId(), m.GetConversationId())
				assert.Equal(t, fmt.Sprint("hello s", m.GetSeqId()-1), m.GetContent())
				seen[one.GetConversationId()] = append(seen[one.GetConversationId()], m.GetSeqId())
			}
			assert.EqualValues(t, each, one.GetLastSeq())
			assert.Equal(t, one.GetConversationId() != ids[1], one.GetHasMore(), what)
		}
		want := map[string][]uint64{ids[1]: {2, 3}}
		for _, id := range ids[2:] {
			want[id] = []uint64{1, 2}
		}
		assert.Equal(t, want, seen, what)
	}
	look("hot")
	require.NoError(t, c.flush(t.Context()))
	look("cold")
	for _, id := range ids[:50] {
		_, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: id, Limit: each})
		require.NoError(t, err)
	}
	look("half")
}
