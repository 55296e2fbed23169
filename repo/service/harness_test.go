package service_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/memory"
	"github.com/gochat/gochat/repo/service"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spied is a store that a test looks into.
type spied struct {
	*sqlstore.Store
	reads atomic.Int64
	spans atomic.Int64 // reads of spans, and of how many
	asked atomic.Int64
}

func (s *spied) ByID(ctx context.Context, ids []int64) (map[int64]store.User, error) {
	s.reads.Add(1)
	time.Sleep(5 * time.Millisecond) // a read takes a while, so that others want the same meanwhile
	return s.Store.ByID(ctx, ids)
}

type fixture struct {
	pb.MessageRepoClient
	pb.ConversationRepoClient
	pb.UserRepoClient
	pb.GroupRepoClient
	pb.DeviceRepoClient
	pb.ReceiptRepoClient
	pb.PresenceRepoClient
	pb.SessionRepoClient
	metrics *service.Metrics
	store   *spied
	db      *db.DB
	cable   *cable
	kept    *memory.Cache
	board   *memory.Sessions
	blind   *atomic.Bool
	logs    *observer.ObservedLogs
}

func open(t testing.TB) *fixture {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{Path: filepath.Join(t.TempDir(), "test.db")}, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	_, err = sqlstore.Migrate(t.Context(), d)
	require.NoError(t, err)
	core, logs := observer.New(zap.WarnLevel)
	metrics := service.NewMetrics()
	f := &fixture{
		metrics: metrics, store: &spied{Store: sqlstore.New(d)}, db: d, logs: logs,
		cable: &cable{}, kept: memory.New(memory.Config{Bytes: 64 << 20}), board: memory.NewSessions(time.Now), blind: &atomic.Bool{},
	}
	saver, err := sqlstore.NewSaver(t.Context(), d, 1, service.Follow(f.cache(), metrics, zap.New(core)), zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, saver.Close(context.WithoutCancel(t.Context()))) })
	r, err := service.New(f.store, saver, f.cache(), f.registry(), metrics, zap.New(core))
	require.NoError(t, err)
	t.Cleanup(r.Close)
	f.connect(r)
	for id := range int64(4) {
		_, err := f.CreateUser(t.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: id + 1, Username: fmt.Sprint("user", id+1)}})
		require.NoError(t, err)
	}
	return f
}

func (f *fixture) cache() cache.Cache       { return plugged{f.cable, f.kept} }
func (f *fixture) registry() cache.Sessions { return switchboard{f.board, f.cable, f.blind} }

// again is another process with the same database and cache.
func (f *fixture) again(t *testing.T) *fixture {
	t.Helper()
	r, err := service.New(f.store, nil, f.cache(), f.registry(), f.metrics, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(r.Close)
	other := *f
	other.connect(r)
	return &other
}

func (f *fixture) connect(r *service.Repo) {
	local := rpc.NewLocal()
	r.Register(local)
	conn := rpc.WithTimeout(local, 10*time.Second)
	f.MessageRepoClient, f.ConversationRepoClient = pb.NewMessageRepoClient(conn), pb.NewConversationRepoClient(conn)
	f.UserRepoClient, f.GroupRepoClient = pb.NewUserRepoClient(conn), pb.NewGroupRepoClient(conn)
	f.DeviceRepoClient, f.ReceiptRepoClient, f.PresenceRepoClient = pb.NewDeviceRepoClient(conn), pb.NewReceiptRepoClient(conn), pb.NewPresenceRepoClient(conn)
	f.SessionRepoClient = pb.NewSessionRepoClient(conn)
}

// group makes group 9 of users 1 and 2 with a message of each of the given ids.
func (f *fixture) group(t *testing.T, messages int) {
	t.Helper()
	for _, q := range []string{
		"INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at, member_count) VALUES ('group_9',2,9,1,1,2)",
		"INSERT INTO `groups` VALUES (9,'group_9','Nine','',1,2,'open',1,0)",
		"INSERT INTO group_members VALUES (9,1,'owner',1), (9,2,'member',1)",
		"INSERT INTO conversation_members (conversation_id, user_id) VALUES ('group_9',1), ('group_9',2)",
	} {
		_, err := f.db.Writer().DB.ExecContext(t.Context(), q)
		require.NoError(t, err)
	}
	for n := range messages {
		f.save(t, int64(n+1))
	}
}

func (f *fixture) save(t *testing.T, id int64) {
	t.Helper()
	out, err := f.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{{
		MessageId: id, ConversationId: "group_9", SenderId: 1, Content: "x", MessageType: "text", TempMessageId: fmt.Sprint(id), Timestamp: id,
	}}})
	require.NoError(t, err)
	require.Equal(t, pb.SaveResult_OUTCOME_STORED, out.GetResults()[0].GetOutcome())
}
