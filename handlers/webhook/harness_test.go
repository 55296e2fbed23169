package webhook_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/webhook"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// world is a repository on a database of its own.
type world struct {
	client.Feed
	client.Messages
	db  db.Config
	ids int64
	// convs are single chats, each of two users of its own; senders has one of the two.
	convs   []string
	senders map[string]int64
	// lease is the lease of the feeds that tests start.
	lease time.Duration
}

func newWorld(t *testing.T, conversations int) *world {
	t.Helper()
	cfg := db.DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "test.db")
	return newWorldOn(t, cfg, conversations)
}

func newWorldOn(t *testing.T, on db.Config, conversations int) *world {
	t.Helper()
	cfg := repo.DefaultConfig()
	cfg.DB = on
	r, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close(context.WithoutCancel(t.Context()))) })
	local := rpc.NewLocal()
	r.Register(local)
	w := &world{
		Feed: client.NewFeed(local), Messages: client.NewMessages(local),
		db: on, senders: map[string]int64{}, lease: time.Hour,
	}
	users, convs := pb.NewUserRepoClient(local), pb.NewConversationRepoClient(local)
	for i := range int64(conversations) {
		for _, id := range []int64{2*i + 1, 2*i + 2} {
			_, err := users.CreateUser(t.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: id, Username: fmt.Sprint("u", id)}})
			require.NoError(t, err)
		}
		out, err := convs.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: 2*i + 1, PeerId: 2*i + 2})
		require.NoError(t, err)
		w.convs = append(w.convs, out.GetConversationId())
		w.senders[out.GetConversationId()] = 2*i + 1
	}
	return w
}

// say stores n messages in a conversation and returns their events.
func (w *world) say(t *testing.T, conv string, n int) (events []*pb.Stored) {
	t.Helper()
	in := &pb.SaveMessagesRequest{}
	for range n {
		w.ids++
		in.Messages = append(in.Messages, &pb.Message{
			MessageId: w.ids, ConversationId: conv, SenderId: w.senders[conv], Content: fmt.Sprint("text ", w.ids), MessageType: "text",
			TempMessageId: fmt.Sprint("t", w.ids), Timestamp: time.Now().UnixMilli(),
		})
	}
	out, err := w.SaveMessages(t.Context(), in)
	require.NoError(t, err)
	for _, r := range out.GetResults() {
		events = append(events, &pb.Stored{Message: r.GetMessage()})
	}
	return events
}

// sayAll stores n messages in each conversation and returns their events.
func (w *world) sayAll(t *testing.T, n int) (events []*pb.Stored) {
	t.Helper()
	for _, conv := range w.convs {
		events = append(events, w.say(t, conv, n)...)
	}
	return events
}

// settled waits until each hook's cursors say what its receiver has.
func (w *world) settled(t *testing.T) {
	t.Helper()
	other := w.other(t)
	require.Eventually(t, func() bool {
		stats, err := other.HookStats(t.Context())
		require.NoError(t, err)
		for _, s := range stats {
			if s.Messages > 0 {
				return false
			}
		}
		return len(stats) > 0
	}, patience, 5*time.Millisecond)
}

// other opens the database as another process does.
func (w *world) other(t *testing.T) *sqlstore.Store {
	t.Helper()
	d, err := db.Open(t.Context(), w.db, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return sqlstore.New(d)
}

// secret of a hook in tests.
func secret(hook string) string { return strings.Repeat(hook+"-", 32)[:32] }

// settings are for a test's patience; hooks are name → URL.
func settings(hooks map[string]string) webhook.Config {
	cfg := webhook.DefaultConfig()
	cfg.Hooks = hooks
	for name := range hooks {
		cfg.Secrets[name] = secret(name)
	}
	cfg.Batch, cfg.Timeout = 7, 2*time.Second
	cfg.Backoff, cfg.BackoffMax = 10*time.Millisecond, 80*time.Millisecond
	return cfg
}

// observed counts what a feed says.
type observed struct {
	mu       sync.Mutex
	outcomes map[string]int
	states   map[string][]bool
	failures []error
	behind   map[string]int64
}

func (o *observed) Posted(_, outcome string, _ time.Duration, _ int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes[outcome]++
}

func (o *observed) Gone(string) {}

func (o *observed) Behind(hook string, _, messages int64, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.behind[hook] = messages
}

func (o *observed) State(hook string, down bool, _ error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.states[hook] = append(o.states[hook], down)
}

func (o *observed) Failed(_, _ string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures = append(o.failures, err)
}

func (o *observed) count(outcome string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.outcomes[outcome]
}

// running is a feed in a process of its own.
type running struct {
	*webhook.Feed
	*observed
	stop func()
}

func (w *world) feed(t *testing.T, cfg webhook.Config, change ...func(*webhook.Deps)) *running {
	t.Helper()
	o := &observed{outcomes: map[string]int{}, behind: map[string]int64{}, states: map[string][]bool{}}
	deps := webhook.Deps{News: w, Cursors: w, Messages: w, Observer: o, ContentMax: 8192}
	for _, c := range change {
		c(&deps)
	}
	f, err := webhook.New(cfg, deps)
	require.NoError(t, err)
	f.Lease(w.lease)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	r := &running{Feed: f, observed: o, stop: sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			assert.NoError(t, err)
		case <-time.After(patience):
			t.Error("the feed did not stop")
		}
	})}
	t.Cleanup(r.stop)
	return r
}
