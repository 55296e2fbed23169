package repo_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/repotest"
)

// BenchmarkSync measures one sync of 1,000 conversations with three messages each, from the
// cache and from the database, on the servers that are named and on embedded ones.
func BenchmarkSync(b *testing.B) {
	for _, database := range []string{"sqlite", "mysql"} {
		for _, cache := range []string{"embedded", "redis"} {
			b.Run(database+"/"+cache, func(b *testing.B) {
				cfg := config(b.TempDir())
				if database == "mysql" {
					cfg.DB = repotest.MySQL(b)
				}
				if cache == "redis" {
					if os.Getenv("GOCHAT_TEST_REDIS_ADDR") == "" {
						b.Skip("set GOCHAT_TEST_REDIS_ADDR")
					}
					cfg.KV.Addrs, cfg.KV.DB = []string{os.Getenv("GOCHAT_TEST_REDIS_ADDR")}, 3
				}
				benchSync(b, cfg)
			})
		}
	}
}

func benchSync(b *testing.B, cfg repo.Config) {
	const chats, each = 1000, 3
	r, err := repo.Open(b.Context(), cfg, zap.NewNop())
	require.NoError(b, err)
	defer func() { require.NoError(b, r.Close(b.Context())) }()
	local := rpc.NewLocal()
	r.Register(local)
	conn := rpc.WithTimeout(local, 10*time.Second)
	users, convs, messages := pb.NewUserRepoClient(conn), pb.NewConversationRepoClient(conn), pb.NewMessageRepoClient(conn)
	require.NoError(b, r.FlushCache(b.Context()))
	for id := int64(1); id <= chats+1; id++ {
		_, err := users.CreateUser(b.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: id, Username: fmt.Sprint("user", id)}})
		require.NoError(b, err)
		if id == 1 {
			continue
		}
		made, err := convs.EnsureSingle(b.Context(), &pb.EnsureSingleRequest{UserId: 1, PeerId: id})
		require.NoError(b, err)
		run := make([]*pb.Message, each)
		for i := range run {
			run[i] = &pb.Message{
				MessageId: id*10 + int64(i), ConversationId: made.GetConversationId(), SenderId: id, Content: strings.Repeat("x", 128),
				MessageType: "text", TempMessageId: fmt.Sprint(id, i), Timestamp: id,
			}
		}
		_, err = messages.SaveMessages(b.Context(), &pb.SaveMessagesRequest{Messages: run})
		require.NoError(b, err)
	}
	for _, kind := range []string{"hot", "cold"} {
		if kind == "cold" {
			require.NoError(b, r.FlushCache(b.Context()))
		}
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got, err := convs.Sync(b.Context(), &pb.SyncRequest{UserId: 1, Limit: 50})
				if err != nil || len(got.GetConversations()) != chats || got.GetMore() {
					b.Fatal(len(got.GetConversations()), got.GetMore(), err)
				}
			}
		})
	}
}
