package redisstream

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/gochat/gochat/infra/mq"
)

// world is a queue of a test's own on a Redis that tests share.
func world(t *testing.T, change func(*Config)) func() *Transport {
	t.Helper()
	addr := os.Getenv("GOCHAT_TEST_REDIS_STREAM_ADDR")
	if addr == "" {
		t.Skip("GOCHAT_TEST_REDIS_STREAM_ADDR names no Redis")
	}
	cfg := DefaultConfig()
	cfg.Addrs, cfg.Prefix, cfg.Lease = []string{addr}, "test-"+watermill.NewShortUUID(), time.Second
	if change != nil {
		change(&cfg)
	}
	t.Cleanup(func() { sweep(t, cfg) })
	return func() *Transport {
		tr, err := Open(t.Context(), cfg, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, tr.Close()) })
		require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic", Partitions: 1}))
		return tr
	}
}

// sweep removes what a test left behind.
func sweep(tb testing.TB, cfg Config) {
	tb.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: cfg.Addrs[0]})
	defer func() { assert.NoError(tb, rdb.Close()) }()
	ctx := context.Background()
	keys, err := rdb.Keys(ctx, cfg.Prefix+":*").Result()
	require.NoError(tb, err)
	if len(keys) > 0 {
		require.NoError(tb, rdb.Unlink(ctx, keys...).Err())
	}
}

func publish(t *testing.T, tr *Transport, n int) {
	t.Helper()
	for i := range n {
		m := message.NewMessage(fmt.Sprint(i+1), []byte("x"))
		m.Metadata = message.Metadata{mq.KeyMetadata: "a"}
		require.NoError(t, tr.Publisher().Publish("topic", m))
	}
}

func subscribe(t *testing.T, tr *Transport) <-chan *message.Message {
	t.Helper()
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 1, DrainTimeout: time.Second})
	require.NoError(t, err)
	ch, err := sub.Subscribe(t.Context(), "topic")
	require.NoError(t, err)
	return ch
}

func next(t *testing.T, ch <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m := <-ch:
		return m
	case <-time.After(15 * time.Second):
		require.FailNow(t, "no message arrived")
		return nil
	}
}

func (t *Transport) cursor(ctx context.Context) (string, error) {
	return t.rdb.HGet(ctx, t.keys.cursors("topic", "g"), "0").Result()
}

// TestAZombieMovesNothing: a worker whose lease another one has got acknowledges late what it had in flight,
// and does not move the other's cursor.
func TestAZombieMovesNothing(t *testing.T) {
	t.Parallel()
	open := world(t, func(c *Config) { c.Lease = 4 * time.Second })
	zombie, heir := open(), open()
	publish(t, zombie, 3)
	held := next(t, subscribe(t, zombie))
	require.Equal(t, "1", held.UUID)
	// As if the lease had run out, which the zombie does not know yet.
	require.NoError(t, zombie.rdb.Del(t.Context(), zombie.keys.lease("topic", "g", 0)).Err())
	ch := subscribe(t, heir)
	for _, want := range []string{"1", "2"} {
		m := next(t, ch)
		require.Equal(t, want, m.UUID, "what was not acknowledged comes again, in order")
		m.Ack()
	}
	var after string
	require.Eventually(t, func() bool {
		id, err := heir.cursor(t.Context())
		moved := err == nil && id != "0-0/0" && id != after
		after = id
		return !moved && id != "0-0/0"
	}, 10*time.Second, 300*time.Millisecond)
	held.Ack()
	time.Sleep(2 * hungry) // it would have saved it by then
	now, err := heir.cursor(t.Context())
	require.NoError(t, err)
	assert.Equal(t, after, now)
	m := next(t, ch)
	assert.Equal(t, "3", m.UUID)
	m.Ack()
}

// TestAServerThatStoodStill: when the server goes on, the leases are still ours; what the gate held back
// meanwhile is delivered.
func TestAServerThatStoodStill(t *testing.T) {
	t.Parallel()
	tr := world(t, nil)()
	m := &member{
		s: &subscriber{t: tr, cfg: mq.SubscriberConfig{Group: "g"}.WithDefaults()}, topic: "topic", group: "g", shards: 1, id: "me",
		out: make(chan *message.Message), log: zap.NewNop(),
	}
	require.NoError(t, m.enroll(t.Context(), mq.StartOldest))
	g := newGeneration(t.Context(), m)
	over := make(chan struct{})
	go func() {
		defer close(over)
		g.run()
	}()
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.owned) == 1
	}, 10*time.Second, 10*time.Millisecond)
	g.mu.Lock()
	g.renewed = time.Now().Add(-tr.cfg.Lease)
	g.mu.Unlock()
	assert.False(t, g.sure())
	select {
	case <-over:
	case <-time.After(10 * time.Second):
		assert.Fail(t, "the generation goes on with a lane that was told no")
	}
}

// TestTrimWaitsForTheSlowestGroup: what a group has not acknowledged is kept, however much it is.
func TestTrimWaitsForTheSlowestGroup(t *testing.T) {
	t.Parallel()
	tr := world(t, func(c *Config) { c.Retain = 10 })()
	length := func() int64 {
		n, err := tr.rdb.XLen(t.Context(), tr.keys.stream("topic", 0)).Result()
		require.NoError(t, err)
		return n
	}
	trim := func() {
		_, err := tr.trimTopic(t.Context(), "topic", 1)
		require.NoError(t, err)
	}
	ch := subscribe(t, tr)
	const many = 1000
	publish(t, tr, many)
	trim()
	assert.Equal(t, int64(many), length(), "the group has had none of them")
	for range many {
		next(t, ch).Ack()
	}
	lag := func() uint64 {
		reader := mq.Reader{Topic: "topic", Group: "g"}
		l, err := tr.Lag(t.Context(), reader)
		require.NoError(t, err)
		return l[reader]
	}
	require.Eventually(t, func() bool { return lag() == 0 }, 10*time.Second, 50*time.Millisecond, "the cursor is at the end")
	trim()
	// Redis drops whole nodes of about a hundred entries.
	assert.Less(t, length(), int64(250))
}

// TestAWorkerThatDiesIsReplaced: its lease runs out, and what it had comes again.
func TestAWorkerThatDiesIsReplaced(t *testing.T) {
	t.Parallel()
	open := world(t, nil)
	dead, heir := open(), open()
	publish(t, dead, 2)
	require.Equal(t, "1", next(t, subscribe(t, dead)).UUID)
	// It dies: nothing of it reaches the server any more.
	require.NoError(t, dead.rdb.Close())
	ch := subscribe(t, heir)
	for _, want := range []string{"1", "2"} {
		m := next(t, ch)
		assert.Equal(t, want, m.UUID)
		m.Ack()
	}
}
