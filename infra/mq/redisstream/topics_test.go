package redisstream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// TestATopicMadeAgain: whoever reads a topic that is deleted and made again goes on
// with the new one.
func TestATopicMadeAgain(t *testing.T) {
	t.Parallel()
	tr := world(t, nil)()
	group := subscribe(t, tr)
	tailing, err := tr.Subscriber(mq.SubscriberConfig{})
	require.NoError(t, err)
	tail, err := tailing.Subscribe(t.Context(), "topic")
	require.NoError(t, err)
	for i := range 3 {
		publish(t, tr, 2)
		for _, ch := range []<-chan *message.Message{group, tail} {
			for _, want := range []string{"1", "2"} {
				m := next(t, ch)
				require.Equal(t, want, m.UUID, "round %d", i)
				m.Ack()
			}
		}
		require.NoError(t, tr.Delete(t.Context(), "topic"))
		require.ErrorIs(t, tr.Publisher().Publish("topic", message.NewMessage("x", nil)), mq.ErrUnknownTopic)
		require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic", Partitions: 1}))
	}
}

// TestDeleteLeavesNothing: no key is left when the last subscriber is gone.
func TestDeleteLeavesNothing(t *testing.T) {
	t.Parallel()
	open := world(t, func(c *Config) { c.Retain = 0 })
	tr := open()
	ch := subscribe(t, tr)
	publish(t, tr, 200)
	for range 150 {
		next(t, ch).Ack()
	}
	require.Eventually(t, func() bool {
		n, err := tr.trimTopic(t.Context(), "topic", 1)
		return err == nil && n > 0
	}, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, tr.Delete(t.Context(), "topic"))
	next(t, ch).Ack() // has no effect
	require.NoError(t, tr.Close())
	look := open() // makes the topic again
	require.NoError(t, look.Delete(t.Context(), "topic"))
	keys, err := look.rdb.Keys(t.Context(), look.cfg.Prefix+":*").Result()
	require.NoError(t, err)
	assert.Equal(t, []string{look.keys.token()}, keys)
}

// TestLag counts what a group has not acknowledged, trimmed or not, wherever it began.
func TestLag(t *testing.T) {
	t.Parallel()
	open := world(t, nil)
	tr := open()
	lagOf := func(group string) uint64 {
		reader := mq.Reader{Topic: "topic", Group: group}
		lag, err := tr.Lag(t.Context(), reader)
		require.NoError(t, err)
		return lag[reader]
	}
	is := func(group string, want uint64) {
		t.Helper()
		require.Eventually(t, func() bool { return lagOf(group) == want }, 10*time.Second, 20*time.Millisecond, "%s: %d", group, lagOf(group))
	}
	first := subscribe(t, tr)
	publish(t, tr, 500)
	is("g", 500)
	for range 400 {
		next(t, first).Ack()
	}
	is("g", 100)
	dropped, err := tr.trimTopic(t.Context(), "topic", 1)
	require.NoError(t, err)
	require.Positive(t, dropped)
	is("g", 100)
	for group, c := range map[string]struct {
		start mq.Start
		want  uint64
	}{"oldest": {mq.StartOldest, uint64(500 - dropped)}, "newest": {mq.StartNewest, 0}} { //nolint:gosec // positive
		sub, err := tr.Subscriber(mq.SubscriberConfig{Group: group, Start: c.start})
		require.NoError(t, err)
		_, err = sub.Subscribe(t.Context(), "topic")
		require.NoError(t, err)
		is(group, c.want)
	}
	publish(t, tr, 3)
	is("newest", 3)
	is("g", 103)
}

// TestTrimGoesOn until nothing is left to drop, though Redis drops so much at a time.
func TestTrimGoesOn(t *testing.T) {
	t.Parallel()
	tr := world(t, func(c *Config) { c.Retain = 0 })()
	const many, together = 30_000, 1000
	for range many / together {
		msgs := make([]*message.Message, together)
		for i := range msgs {
			msgs[i] = message.NewMessage(fmt.Sprint(i), nil)
		}
		require.NoError(t, tr.Publisher().Publish("topic", msgs...))
	}
	require.Eventually(t, func() bool {
		n, err := tr.rdb.XLen(t.Context(), tr.keys.stream("topic", 0)).Result()
		return err == nil && n < 200
	}, trimEvery+2*time.Second, 50*time.Millisecond, "all in one round")
}

func TestTopicNames(t *testing.T) {
	t.Parallel()
	tr := world(t, nil)()
	for _, name := range []string{"", "a:b"} {
		require.ErrorContains(t, tr.Ensure(t.Context(), mq.Topic{Name: name}), "name")
	}
}

// counting counts scripts that are run.
type counting struct{ n atomic.Int64 }

func (c *counting) DialHook(next redis.DialHook) redis.DialHook { return next }
func (c *counting) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *counting) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "evalsha" {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

// TestConcurrentCallsGoTogether, and each has its own answer.
func TestConcurrentCallsGoTogether(t *testing.T) {
	t.Parallel()
	tr := world(t, nil)()
	var scripts counting
	tr.rdb.AddHook(&scripts)
	tr.saw("gone", 1) // it is believed to be there
	out, err := tr.Outbox("out")
	require.NoError(t, err)
	const callers = 200
	var calls sync.WaitGroup
	for i := range callers {
		m := mq.Outbound{Topic: "topic", Message: message.NewMessage(fmt.Sprint(i), nil)}
		calls.Go(func() {
			if i%10 == 0 {
				assert.ErrorIs(t, out.Publish(t.Context(), m, mq.Outbound{Topic: "gone", Message: m.Message}), mq.ErrUnknownTopic)
			} else {
				assert.NoError(t, out.Publish(t.Context(), m))
			}
		})
	}
	calls.Wait()
	assert.Less(t, scripts.n.Load(), int64(callers/2))
	n, err := tr.rdb.XLen(t.Context(), tr.keys.stream("topic", 0)).Result()
	require.NoError(t, err)
	assert.Equal(t, int64(callers-callers/10), n)
}

// TestWhatDrainsMayPublish: the publisher is closed last.
func TestWhatDrainsMayPublish(t *testing.T) {
	t.Parallel()
	tr := world(t, nil)()
	ch := subscribe(t, tr)
	publish(t, tr, 1)
	m := next(t, ch)
	closed := make(chan error, 1)
	go func() { closed <- tr.Close() }()
	require.Eventually(t, tr.isClosed, 10*time.Second, time.Millisecond)
	require.NoError(t, tr.Publisher().Publish("topic", message.NewMessage("reply", nil)))
	m.Ack()
	require.NoError(t, <-closed)
	require.ErrorIs(t, tr.Publisher().Publish("topic", message.NewMessage("late", nil)), mq.ErrClosed)
}

// TestNothingIsLeftBehind is not parallel: nothing else runs.
func TestNothingIsLeftBehind(t *testing.T) {
	open := world(t, func(c *Config) { c.Lease = time.Second })
	cfg := open().cfg
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	tr, err := Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	for _, group := range []string{"g", "h", ""} {
		sub, err := tr.Subscriber(mq.SubscriberConfig{Group: group, DrainTimeout: 10 * time.Millisecond})
		require.NoError(t, err)
		for range 2 {
			_, err = sub.Subscribe(t.Context(), "topic") // nobody receives
			require.NoError(t, err)
		}
	}
	publish(t, tr, 10)
	require.NoError(t, tr.Close())
	wrong := cfg
	wrong.Addrs = []string{"127.0.0.1:1"}
	_, err = Open(t.Context(), wrong, zap.NewNop())
	require.Error(t, err)
}
