package repo_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/repotest"
)

func TestSearchOnSQLite(t *testing.T) {
	t.Parallel()
	runSearch(t, config(t.TempDir()))
}

func TestSearchOnMySQL(t *testing.T) {
	t.Parallel()
	cfg := repo.DefaultConfig()
	cfg.DB = repotest.MySQL(t)
	runSearch(t, cfg)
}

func runSearch(t *testing.T, cfg repo.Config) {
	t.Helper()
	r := open(t, cfg)
	d, err := db.Open(t.Context(), cfg.DB, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	repotest.RunSearch(t, suite(r), repotest.Change{
		Exec: func(t *testing.T, query string, args ...any) {
			t.Helper()
			_, err := d.Writer().DB.ExecContext(t.Context(), query, args...)
			require.NoError(t, err)
		},
	})
}

// BenchmarkSearch fills a database with 100,000 messages in 200 chats of one user, and
// measures what the index costs a message, and what a page of a search takes.
func BenchmarkSearch(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchSearch(b, config(b.TempDir())) })
	b.Run("mysql", func(b *testing.B) {
		cfg := repo.DefaultConfig()
		cfg.DB = repotest.MySQL(b)
		benchSearch(b, cfg)
	})
}

func benchSearch(b *testing.B, cfg repo.Config) {
	r, err := repo.Open(b.Context(), cfg, zap.NewNop())
	require.NoError(b, err)
	defer func() { require.NoError(b, r.Close(b.Context())) }()
	local := rpc.NewLocal()
	r.Register(local)
	mixed, index := storeSearched(b, local), pb.NewSearchRepoClient(local)
	for _, run := range []int{50, 1000, 8000} {
		b.Run(fmt.Sprintf("index run=%d", run), func(b *testing.B) {
			n := 0
			for b.Loop() {
				from := n % (len(mixed) - run)
				_, err := index.IndexMessages(b.Context(), &pb.IndexMessagesRequest{Messages: mixed[from : from+run]})
				require.NoError(b, err)
				n += run
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/message")
		})
	}
	_, err = index.IndexMessages(b.Context(), &pb.IndexMessagesRequest{Messages: mixed})
	require.NoError(b, err)
	for name, query := range map[string]string{"common": "the ", "rare": "zymurgy", "nowhere": "zymurgists", "one pair": "qj", "a common pair": "th"} {
		b.Run("find "+name, func(b *testing.B) {
			found := 0
			for b.Loop() {
				out, err := index.SearchMessages(b.Context(), &pb.SearchMessagesRequest{UserId: 1, Query: query, Limit: 20})
				require.NoError(b, err)
				found = len(out.GetMessages())
			}
			b.ReportMetric(float64(found), "found")
		})
	}
}

// storeSearched stores 500 messages in each of 200 chats of user 1, and returns them as they come: of all chats at the
// same time.
func storeSearched(b *testing.B, local *rpc.Local) []*pb.Message {
	b.Helper()
	const chats, each = 200, 500
	users, convs, messages := pb.NewUserRepoClient(local), pb.NewConversationRepoClient(local), pb.NewMessageRepoClient(local)
	random := rand.New(rand.NewPCG(1, 1))
	stored := make([]*pb.Message, 0, chats*each)
	for i := range int64(chats + 1) {
		_, err := users.CreateUser(b.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: i + 1, Username: fmt.Sprint("user", i)}})
		require.NoError(b, err)
	}
	for i := range int64(chats) {
		made, err := convs.EnsureSingle(b.Context(), &pb.EnsureSingleRequest{UserId: 1, PeerId: 2 + i})
		require.NoError(b, err)
		run := make([]*pb.Message, each)
		for n := range run {
			run[n] = &pb.Message{
				MessageId: 1 + i*each + int64(n), ConversationId: made.GetConversationId(), SenderId: 1, Content: sentence(random), MessageType: "text",
				TempMessageId: fmt.Sprint(i, "-", n), Timestamp: time.Now().UnixMilli() - int64(each-n)*1000 - i,
			}
		}
		run[each/2].Content += " zymurgy"
		out, err := messages.SaveMessages(b.Context(), &pb.SaveMessagesRequest{Messages: run})
		require.NoError(b, err)
		for _, one := range out.GetResults() {
			stored = append(stored, one.GetMessage())
		}
	}
	mixed := make([]*pb.Message, 0, len(stored))
	for n := range each {
		for i := range chats {
			mixed = append(mixed, stored[i*each+n])
		}
	}
	return mixed
}

// sentence has the letters of English, and its few common words.
func sentence(r *rand.Rand) string {
	const letters = "eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvk"
	var s strings.Builder
	for s.Len() < 128 {
		if r.IntN(5) == 0 {
			s.WriteString("the ")
			continue
		}
		word := rand.New(rand.NewPCG(7, uint64(5000*r.Float64()*r.Float64())))
		for range 2 + word.IntN(8) {
			s.WriteByte(letters[word.IntN(len(letters))])
		}
		s.WriteByte(' ')
	}
	return s.String()[:128]
}
