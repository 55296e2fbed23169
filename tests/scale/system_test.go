package scale_test

import (
	"context"
	"os"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/handlers/conversation"
	"github.com/gochat/gochat/handlers/hint"
	"github.com/gochat/gochat/handlers/largegroup"
	"github.com/gochat/gochat/handlers/receipt"
	"github.com/gochat/gochat/handlers/roster"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/idgen"
	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/routers"
	"github.com/gochat/gochat/routers/middleware"
)

// Where the servers are.
const (
	envRedis = "GOCHAT_TEST_REDIS_ADDR"
	envKafka = "GOCHAT_TEST_KAFKA_BROKERS"
)

// system is one process of the roles repo, message and fanout, and two services of the role logic,
// made of the parts that the program makes them of, on real servers. All that it says to Redis and to
// the database is counted.
type system struct {
	// clock is the session registry's. It stands still unless a test moves it, so that what the
	// registry does once a second is done when the test says so, and is counted by itself.
	clock      *cachetest.Clock
	redis, sql *relay
	monitor    *monitor
	statements atomic.Int64
	queue      *queue
	ids        *idgen.Generator
	conn       grpc.ClientConnInterface
	fleet      *fleet

	receipts      *receipt.Service
	conversations *conversation.Service
}

// newSystem starts everything, and ends it with the test.
func newSystem(t *testing.T) *system {
	t.Helper()
	for _, env := range []string{envRedis, envKafka} {
		if os.Getenv(env) == "" {
			t.Skip("set " + env + ", and the other variables of deploy/local/local env, to count what messages and users cost")
		}
	}
	s := &system{clock: cachetest.NewClock()}
	cfg := s.database(t)
	var err error
	s.ids, err = idgen.New(idgen.Config{})
	require.NoError(t, err)
	s.fleet = newFleet(s)
	s.openRepo(t, cfg)
	s.queue = openQueue(t)
	s.startRouters(t)
	return s
}

// database is a new one whose bytes and statements are counted.
func (s *system) database(t *testing.T) db.Config {
	t.Helper()
	cfg := repotest.MySQL(t)
	dsn, err := mysql.ParseDSN(cfg.DSN)
	require.NoError(t, err)
	s.sql, dsn.Addr = newRelay(t, dsn.Addr)
	cfg.DSN = dsn.FormatDSN()
	cfg.Told = func(string, []any) { s.statements.Add(1) }
	return cfg
}

// openRepo opens the role repo. Its cache is given to it, as the program opens it but for the clock.
func (s *system) openRepo(t *testing.T, store db.Config) {
	t.Helper()
	s.monitor = newMonitor(t, os.Getenv(envRedis))
	s.monitor.empty(t)
	at := kv.DefaultConfig()
	at.DB = database
	var addr string
	s.redis, addr = newRelay(t, os.Getenv(envRedis))
	at.Addrs = []string{addr}
	opened, err := kv.Open(t.Context(), at)
	require.NoError(t, err)
	kept, sessions := rediscache.New(opened.UniversalClient), rediscache.NewSessions(opened.UniversalClient, s.clock.Now)
	t.Cleanup(func() {
		kept.Close()
		sessions.Close()
		assert.NoError(t, opened.Close())
	})
	cfg := repo.DefaultConfig()
	cfg.DB, cfg.Cache, cfg.Sessions, cfg.Gateways = store, kept, sessions, s.fleet.living
	r, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, r.Close(context.WithoutCancel(t.Context())))
		s.monitor.empty(t)
	})
	local := rpc.NewLocal()
	r.Register(local)
	s.conn = rpc.WithTimeout(local, patience)
}

// startRouters starts the pipeline, the delivery to large groups, and what answers clients that say what
// they have received and read.
func (s *system) startRouters(t *testing.T) {
	t.Helper()
	deps := routers.Deps{
		Transport: s.queue, Metrics: middleware.NewMetrics(prometheus.NewRegistry()), Log: zap.NewNop(), Watermill: watermill.NopLogger{},
		QueueSystem: "kafka",
	}
	out, err := routers.NewFollowUp(deps, "scale-message")
	require.NoError(t, err)
	groups, sessions, convs := roster.New(client.NewGroups(s.conn)), client.NewSessions(s.conn), client.NewConversations(s.conn)
	hints := hint.New(out, func(err error) { assert.NoError(t, err) })
	cfg := routers.DefaultConfig()
	pipeline, err := routers.NewMessageRouter(cfg, deps, routers.Pipeline{
		Messages: client.NewMessages(s.conn), Conversations: convs, Groups: groups, Sessions: sessions, Hints: hints, IDs: s.ids, Outbox: out,
	})
	require.NoError(t, err)
	fanout, err := routers.NewFanoutRouter(cfg, deps, largegroup.New(groups, sessions, out, hints))
	require.NoError(t, err)
	notifier := routers.NewNotifier(sessions, out)
	s.receipts, err = receipt.New(client.NewReceipts(s.conn), notifier)
	require.NoError(t, err)
	s.conversations, err = conversation.New(conversation.DefaultConfig(), conversation.Deps{
		Conversations: convs, Directory: convs, Members: client.NewGroups(s.conn), Notifier: notifier,
	})
	require.NoError(t, err)
	run(t, hints.Run)
	run(t, pipeline.Run)
	run(t, fanout.Run)
	<-pipeline.Running()
	<-fanout.Running()
}

// run runs a part until the test ends.
func run(t *testing.T, part func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
}
