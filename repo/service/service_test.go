package service_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestWithoutACache everything goes on from the database, and the log is not
// flooded.
func TestWithoutACache(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 2)
	f.cable.out.Store(true)
	for n := range int64(50) {
		f.save(t, 10+n)
		_, err := f.History(t.Context(), &pb.HistoryRequest{ConversationId: "group_9", Limit: 10})
		require.NoError(t, err)
		_, err = f.GetUser(t.Context(), &pb.GetUserRequest{UserId: 1})
		require.NoError(t, err)
		_, err = f.LookupDedup(t.Context(), &pb.LookupDedupRequest{Keys: []*pb.ClientKey{{ConversationId: "group_9", SenderId: 1, TempMessageId: "1"}}})
		require.NoError(t, err)
		given, err := f.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: []*pb.ClientKey{{ConversationId: "group_9", SenderId: 1, TempMessageId: fmt.Sprint("a", n)}}})
		require.NoError(t, err, "callers would try again, although the store gives the number as well")
		assert.Equal(t, []uint64{0}, given.GetSeqIds())
	}
	got, err := f.History(t.Context(), &pb.HistoryRequest{ConversationId: "group_9", HasAfter: true, Limit: 100})
	require.NoError(t, err)
	assert.Len(t, got.GetMessages(), 52)
	assert.Positive(t, f.logs.Len())
	assert.Less(t, f.logs.Len(), 20)
}

func TestManyWantTheSameUser(t *testing.T) {
	t.Parallel()
	f := open(t)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 50 {
		wg.Go(func() {
			<-start
			got, err := f.GetUser(t.Context(), &pb.GetUserRequest{UserId: 1})
			assert.NoError(t, err)
			assert.Equal(t, "user1", got.GetUser().GetUsername())
		})
	}
	close(start)
	wg.Wait()
	assert.Less(t, f.store.reads.Load(), int64(25))
}

// TestErrorsOfALostDatabase may be tried again: no message is given up for them.
func TestErrorsOfALostDatabase(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.SaveMessages(ctx, &pb.SaveMessagesRequest{Messages: []*pb.Message{{ConversationId: "group_9", SenderId: 1}}})
	require.Error(t, err)
	assert.False(t, contracts.IsPermanent(err))
	_, err = f.db.Writer().DB.ExecContext(t.Context(), "DROP TABLE messages")
	require.NoError(t, err)
	_, err = f.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{{ConversationId: "group_9", SenderId: 1}}})
	require.Error(t, err)
	assert.False(t, contracts.IsPermanent(err), err)
}
