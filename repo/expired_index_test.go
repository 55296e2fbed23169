package repo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
)

// TestTheIndexForgetsWhatExpiredBeforeItCame: what comes to the search index after it has expired
// is not in it, however short messages are kept.
func TestTheIndexForgetsWhatExpiredBeforeItCame(t *testing.T) {
	t.Parallel()
	r := open(t, config(t.TempDir()))
	local := rpc.NewLocal()
	r.Register(local)
	messages, retention, index := pb.NewMessageRepoClient(local), pb.NewRetentionRepoClient(local), pb.NewSearchRepoClient(local)

	_, err := pb.NewUserRepoClient(local).CreateUser(t.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: 1, Username: "ann"}})
	require.NoError(t, err)
	saved, err := messages.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{{
		MessageId: 1, ConversationId: "world", SenderId: 1, Content: "zanzibar", MessageType: "text", TempMessageId: "a",
		Timestamp: time.Now().Add(-2 * time.Second).UnixMilli(),
	}}})
	require.NoError(t, err)
	require.Equal(t, pb.SaveResult_OUTCOME_STORED, saved.GetResults()[0].GetOutcome())
	out, err := retention.ExpireMessages(t.Context(), &pb.ExpireMessagesRequest{WorldMs: 1000, Limit: 10})
	require.NoError(t, err)
	require.EqualValues(t, 1, out.GetMessages())
	_, err = index.IndexMessages(t.Context(), &pb.IndexMessagesRequest{Messages: []*pb.Message{saved.GetResults()[0].GetMessage()}})
	require.NoError(t, err)

	var grams []byte
	require.NoError(t, r.Database().Primary().DB.QueryRowContext(t.Context(),
		"SELECT grams FROM search_blocks WHERE conversation_id = 'world' AND block = 0").Scan(&grams))
	assert.Empty(t, grams)
}
