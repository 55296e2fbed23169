package service_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/contracts"
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

// TestGroupsShowNothingFromBeforeOneJoined, and nothing after one left.
func TestGroupsShowNothingFromBeforeOneJoined(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 5)
	_, err := f.db.Writer().DB.ExecContext(t.Context(), "INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq) VALUES ('group_9',3,3,3)")
	require.NoError(t, err)
	for _, have := range []map[string]uint64{nil, {"group_9": 0}, {"group_9": 3}} {
		got, err := f.Sync(t.Context(), &pb.SyncRequest{UserId: 3, Have: have, Limit: 10})
		require.NoError(t, err)
		require.Len(t, got.GetConversations(), 1)
		var seqs []uint64
		for _, m := range got.GetConversations()[0].GetMessages() {
			seqs = append(seqs, m.GetSeqId())
		}
		assert.Equal(t, []uint64{4, 5}, seqs, have)
	}
	seen, err := f.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: "group_9", UserId: 3})
	require.NoError(t, err)
	assert.Equal(t, "Nine", seen.GetConversation().GetGroup().GetName())
	assert.EqualValues(t, 3, seen.GetConversation().GetJoinSeq())

	_, err = f.db.Writer().DB.ExecContext(t.Context(), "UPDATE conversation_members SET left_seq = 5 WHERE user_id = 3 AND conversation_id = 'group_9'")
	require.NoError(t, err)
	_, err = f.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: "group_9", UserId: 3})
	assert.Equal(t, contracts.CodeNotFound, contracts.AsError(err).Code)
	_, err = f.MarkRead(t.Context(), &pb.MarkReadRequest{ConversationId: "group_9", UserId: 3, SeqId: 5})
	assert.Equal(t, contracts.CodeNotFound, contracts.AsError(err).Code)
	got, err := f.Sync(t.Context(), &pb.SyncRequest{UserId: 3, Limit: 10})
	require.NoError(t, err)
	assert.Empty(t, got.GetConversations())
	facts, err := f.Memberships(t.Context(), &pb.MembershipsRequest{Keys: []*pb.MembershipKey{{ConversationId: "group_9", UserId: 3}, {ConversationId: "group_9", UserId: 2}}})
	require.NoError(t, err)
	assert.False(t, facts.GetMemberships()[0].GetMember())
	assert.True(t, facts.GetMemberships()[1].GetMember())
	assert.EqualValues(t, 2, facts.GetMemberships()[1].GetMemberCount())
}

func TestGroupMembersInPages(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 0)
	var ids []int64
	for after, more := int64(0), true; more; {
		page, err := f.ListMemberIDs(t.Context(), &pb.ListMemberIDsRequest{GroupId: 9, AfterUserId: after, Limit: 1})
		require.NoError(t, err)
		require.Len(t, page.GetUserIds(), 1)
		after, more = page.GetUserIds()[0], page.GetHasMore()
		ids = append(ids, after)
	}
	assert.Equal(t, []int64{1, 2}, ids)
	g, err := f.FindGroup(t.Context(), &pb.FindGroupRequest{GroupId: 9})
	require.NoError(t, err)
	assert.EqualValues(t, 2, g.GetGroup().GetMemberCount())
	_, err = f.FindGroup(t.Context(), &pb.FindGroupRequest{GroupId: 8})
	assert.Equal(t, contracts.CodeNotFound, contracts.AsError(err).Code)
}

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

func TestMetricsCount(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 3)
	for range 2 {
		_, err := f.GetUser(t.Context(), &pb.GetUserRequest{UserId: 1})
		require.NoError(t, err)
		_, err = f.History(t.Context(), &pb.HistoryRequest{ConversationId: "group_9", Limit: 3})
		require.NoError(t, err)
	}
	out, err := f.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{
		{MessageId: 7, ConversationId: "group_9", SenderId: 1, TempMessageId: "1"}, {MessageId: 8, ConversationId: "group_9", SenderId: 4, TempMessageId: "1"},
	}})
	require.NoError(t, err)
	require.Len(t, out.GetResults(), 2)
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(f.metrics))
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	assert.Equal(t, map[string]float64{
		"gochat_repo_cache_total hot_messages hit": 2, "gochat_repo_cache_total hot_messages miss": 0,
		"gochat_repo_cache_total users hit": 1, "gochat_repo_cache_total users miss": 1,
		"gochat_repo_cache_total hot_messages old": 0, "gochat_repo_cache_total dedup hit": 0, "gochat_repo_cache_total dedup miss": 0,
		"gochat_repo_cache_total tokens hit": 0, "gochat_repo_cache_total tokens miss": 0,
		"gochat_repo_cache_total devices hit": 0, "gochat_repo_cache_total devices miss": 0,
		"gochat_repo_messages_total stored": 3, "gochat_repo_messages_total duplicate": 1, "gochat_repo_messages_total refused": 1,
		"gochat_repo_save_seconds": 4, "gochat_repo_transaction_messages": 4,
	}, got)
}

// TestOldHistoryIsNoMiss of the cache, which keeps the newest only.
func TestOldHistoryIsNoMiss(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 0)
	many := make([]*pb.Message, cache.HotMessages+2)
	for i := range many {
		many[i] = &pb.Message{MessageId: int64(i + 1), ConversationId: "group_9", SenderId: 1, TempMessageId: fmt.Sprint(i)}
	}
	_, err := f.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: many})
	require.NoError(t, err)
	page := func(before uint64) {
		_, err := f.History(t.Context(), &pb.HistoryRequest{ConversationId: "group_9", BeforeSeq: before, Limit: 2})
		require.NoError(t, err)
	}
	page(uint64(len(many)))
	page(3)
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(f.metrics))
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == "gochat_repo_cache_total" && l.GetName() == "outcome" {
					got[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	assert.Equal(t, map[string]float64{"hit": 1, "miss": 0, "old": 1}, got)
}
