package repo_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
)

// BenchmarkSaveMessages measures the way of a run of messages through the services,
// numbers and cache included, with 512 callers at a time over 200 single chats.
func BenchmarkSaveMessages(b *testing.B) {
	for _, run := range []int{1, 8} {
		b.Run(fmt.Sprintf("run=%d", run), func(b *testing.B) { benchSave(b, run) })
	}
}

// BenchmarkSaveWhileTheCacheHangs measures a save while the cache hangs. It should not cost
// more than with the cache, since no call waits for the cache.
func BenchmarkSaveWhileTheCacheHangs(b *testing.B) {
	cfg := config(b.TempDir())
	cfg.KV = server(b)
	r, err := repo.Open(b.Context(), cfg, zap.NewNop())
	require.NoError(b, err)
	defer func() { require.NoError(b, r.Close(b.Context())) }()
	r.HangCache()
	benchRole(b, r, 8)
}

func benchSave(b *testing.B, run int) {
	r, err := repo.Open(b.Context(), config(b.TempDir()), zap.NewNop())
	require.NoError(b, err)
	defer func() { require.NoError(b, r.Close(b.Context())) }()
	benchRole(b, r, run)
}

// benchRole stores as the pipeline does, without numbers when there are none.
func benchRole(b *testing.B, r *repo.Repo, run int) {
	const chats, callersPerCPU = 200, 128
	local := rpc.NewLocal()
	r.Register(local)
	users, convs, messages := pb.NewUserRepoClient(local), pb.NewConversationRepoClient(local), pb.NewMessageRepoClient(local)
	ids := make([]string, chats)
	for i := range ids {
		for u := range 2 {
			id := int64(1 + 2*i + u)
			_, err := users.CreateUser(b.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: id, Username: fmt.Sprint("user", id)}})
			require.NoError(b, err)
		}
		made, err := convs.EnsureSingle(b.Context(), &pb.EnsureSingleRequest{UserId: int64(1 + 2*i), PeerId: int64(2 + 2*i)})
		require.NoError(b, err)
		ids[i] = made.GetConversationId()
	}
	content := strings.Repeat("x", 128)
	var last atomic.Int64
	b.SetParallelism(callersPerCPU)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			first := last.Add(int64(run)) - int64(run)
			chat := int(first/int64(run)) % chats
			list, keys := make([]*pb.Message, run), make([]*pb.ClientKey, run)
			for i := range list {
				n := first + int64(i)
				sender, key := int64(1+2*chat)+n%2, fmt.Sprintf("%08x-%d", uint32(n)*2654435761, n)
				list[i] = &pb.Message{
					MessageId: 1 + n, ConversationId: ids[chat], SenderId: sender, Content: content, MessageType: "text", TempMessageId: key,
					Timestamp: time.Now().UnixMilli(),
				}
				keys[i] = &pb.ClientKey{ConversationId: ids[chat], SenderId: sender, TempMessageId: key}
			}
			given, _ := messages.AllocateSeq(b.Context(), &pb.AllocateSeqRequest{Keys: keys})
			for i, seq := range given.GetSeqIds() {
				list[i].SeqId = seq
			}
			out, err := messages.SaveMessages(b.Context(), &pb.SaveMessagesRequest{Messages: list})
			if err != nil || out.GetResults()[run-1].GetOutcome() != pb.SaveResult_OUTCOME_STORED {
				b.Errorf("%v %v", out, err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N*run)/b.Elapsed().Seconds(), "rows/s")
}
