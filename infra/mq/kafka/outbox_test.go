package kafka_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
)

// rig is a transport whose topics are the test's own.
type rig struct {
	*kafka.Transport
	cfg    kafka.Config
	prefix string
}

func newRig(t *testing.T, cfg kafka.Config) rig {
	t.Helper()
	prefix := fmt.Sprintf("t%d-", time.Now().UnixNano())
	return rig{join(t, cfg), cfg, prefix}
}

// join opens one more transport, as another process would.
func join(t *testing.T, cfg kafka.Config) *kafka.Transport {
	t.Helper()
	tr, err := kafka.Open(t.Context(), cfg, zaptest.NewLogger(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// topic makes a topic with one partition, and deletes it after the test.
func (r rig) topic(t *testing.T, name string) string {
	t.Helper()
	name = r.prefix + name
	require.NoError(t, r.Ensure(t.Context(), mq.Topic{Name: name, Partitions: 1}))
	t.Cleanup(func() { require.NoError(t, r.Delete(context.Background(), name)) })
	return name
}

func (r rig) outbox(t *testing.T, id string) mq.Outbox {
	t.Helper()
	out, err := r.Outbox(r.prefix + id)
	require.NoError(t, err)
	return out
}

func to(topic, id string) mq.Outbound {
	m := message.NewMessage(id, nil)
	m.Metadata[mq.KeyMetadata] = "key"
	return mq.Outbound{Topic: topic, Message: m}
}

const end = "end"

// committed returns what a reader of committed records sees in a topic with one
// partition, and how many records of any kind there are.
func committed(t *testing.T, cfg kafka.Config, tr mq.Transport, topic string) (ids []string, records int64) {
	t.Helper()
	require.NoError(t, tr.Publisher().Publish(topic, to(topic, end).Message))
	s := sarama.NewConfig()
	s.Version, s.Consumer.IsolationLevel = sarama.V2_8_0_0, sarama.ReadCommitted
	consumer, err := sarama.NewConsumer(cfg.Brokers, s)
	require.NoError(t, err)
	defer consumer.Close()
	claim, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	require.NoError(t, err)
	defer claim.Close()
	for {
		select {
		case m := <-claim.Messages():
			id := ""
			for _, h := range m.Headers {
				if string(h.Key) == "_watermill_message_uuid" {
					id = string(h.Value)
				}
			}
			if id == end {
				return ids, m.Offset
			}
			ids = append(ids, id)
		case <-time.After(30 * time.Second):
			require.FailNow(t, "a transaction was left open", "after %d records", len(ids))
		}
	}
}

// TestOneCallsFaultIsItsOwn publishes calls that cannot succeed together with calls that can.
func TestOneCallsFaultIsItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	good := r.topic(t, "good")
	out := r.outbox(t, "out")
	large := to(good, "large")
	large.Message.Payload = make([]byte, 2<<20)
	for name, c := range map[string]struct {
		bad   mq.Outbound
		check func(error)
	}{
		"missing":   {to(r.prefix+"missing", "x"), func(err error) { assert.ErrorIs(t, err, mq.ErrUnknownTopic) }},
		"too large": {large, func(err error) { assert.ErrorIs(t, err, mq.ErrTooLarge) }},
	} {
		var calls sync.WaitGroup
		for i := range 40 {
			calls.Go(func() {
				if i%8 == 0 {
					c.check(out.Publish(t.Context(), to(good, fmt.Sprintf("%s-half/%d", name, i)), c.bad))
					return
				}
				assert.NoError(t, out.Publish(t.Context(), to(good, fmt.Sprintf("%s/%d", name, i))))
			})
		}
		calls.Wait()
	}
	ids, _ := committed(t, r.cfg, r, good)
	assert.Len(t, ids, 70)
	assert.NotContains(t, strings.Join(ids, " "), "half", "a part of a call is seen")
}

// TestATopicGoesAndComesBack deletes, as another process would, a topic that a producer knows.
func TestATopicGoesAndComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	other := join(t, r.cfg)
	good, fickle := r.topic(t, "good"), r.topic(t, "fickle")
	out := r.outbox(t, "out")
	require.NoError(t, out.Publish(t.Context(), to(good, "1"), to(fickle, "1")))
	require.NoError(t, r.Publisher().Publish(fickle, to(fickle, "2").Message))
	require.NoError(t, other.Delete(t.Context(), fickle))

	var calls sync.WaitGroup
	for i := range 40 {
		calls.Go(func() {
			if i%10 == 9 {
				assert.ErrorIs(t, out.Publish(t.Context(), to(good, "half"), to(fickle, "half")), mq.ErrUnknownTopic)
				return
			}
			assert.NoError(t, out.Publish(t.Context(), to(good, "2")))
		})
	}
	calls.Wait()
	require.NoError(t, out.Publish(t.Context(), to(good, "3")))
	require.ErrorIs(t, r.Publisher().Publish(fickle, to(fickle, "3").Message), mq.ErrUnknownTopic)

	require.NoError(t, other.Ensure(t.Context(), mq.Topic{Name: fickle, Partitions: 1}))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.NoError(c, out.Publish(t.Context(), to(good, "4"), to(fickle, "4")))
	}, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, r.Publisher().Publish(fickle, to(fickle, "5").Message))
	ids, _ := committed(t, r.cfg, r, good)
	assert.Equal(t, []string{"1", "2", "3", "4"}, slices.Compact(ids))
	assert.Len(t, ids, 39)
	ids, _ = committed(t, r.cfg, r, fickle)
	assert.Equal(t, []string{"4", "5"}, ids)
}

func TestCallsShareTransactions(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	out := r.outbox(t, "out")
	const n = 300
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() { assert.NoError(t, out.Publish(t.Context(), to(topic, fmt.Sprint(i)))) })
	}
	calls.Wait()
	ids, records := committed(t, r.cfg, r, topic)
	assert.Len(t, ids, n)
	assert.Less(t, records-n, int64(n/4), "each transaction ends with a record of its own")
}

func TestArgumentsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	for name, transactions := range map[string]bool{"with transactions": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.Transactions = transactions
			r := newRig(t, cfg)
			topic := r.topic(t, "topic")
			var want []string
			var outs []mq.Outbound
			var msgs []*message.Message
			for i := range 6000 { // more than one request takes
				id := fmt.Sprint(i)
				want = append(want, id)
				outs = append(outs, to(topic, id))
				msgs = append(msgs, to(topic, id).Message)
			}
			require.NoError(t, r.outbox(t, "out").Publish(t.Context(), outs...))
			require.NoError(t, r.Publisher().Publish(topic, msgs...))
			ids, _ := committed(t, cfg, r, topic)
			assert.Equal(t, append(want, want...), ids)
		})
	}
}

// TestTheNewerOfTwoWins opens one outbox twice.
func TestTheNewerOfTwoWins(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	older := r.outbox(t, "out")
	require.NoError(t, older.Publish(t.Context(), to(topic, "1")))
	newer, err := join(t, r.cfg).Outbox(r.prefix + "out")
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, newer.Publish(t.Context(), to(topic, fmt.Sprint("newer", i))))
		require.ErrorIs(t, older.Publish(t.Context(), to(topic, "older")), mq.ErrFenced)
	}
	ids, _ := committed(t, r.cfg, r, topic)
	assert.Equal(t, []string{"1", "newer0", "newer1", "newer2"}, ids)
	select {
	case err := <-r.Fenced():
		require.ErrorIs(t, err, mq.ErrFenced)
		require.ErrorContains(t, err, r.prefix+"out", "which outbox it was")
	default:
		require.Fail(t, "nobody is told that this process is to end")
	}
	require.Empty(t, r.Fenced(), "once is enough")
}

func TestAfterClose(t *testing.T) {
	t.Parallel()
	for name, transactions := range map[string]bool{"with transactions": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.Transactions = transactions
			r := newRig(t, cfg)
			topic := r.topic(t, "topic")
			tr := join(t, cfg)
			out, err := tr.Outbox(r.prefix + "out")
			require.NoError(t, err)
			published := make(chan error, 1)
			go func() {
				for {
					if err := out.Publish(context.Background(), to(topic, "x")); err != nil {
						published <- err
						return
					}
				}
			}()
			require.NoError(t, out.Publish(t.Context(), to(topic, "x")))
			require.NoError(t, tr.Close())
			require.ErrorIs(t, <-published, mq.ErrClosed)
			require.ErrorIs(t, out.Publish(t.Context()), mq.ErrClosed)
			require.ErrorIs(t, tr.Publisher().Publish(topic), mq.ErrClosed)
			_, err = tr.Outbox(r.prefix + "out")
			require.ErrorIs(t, err, mq.ErrClosed)
		})
	}
}

// TestACallersTimeIsKept: a call whose deadline has passed is not published later.
func TestACallersTimeIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	out := r.outbox(t, "out")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // whether it is handed over at all is a matter of luck
		require.ErrorIs(t, out.Publish(gone, to(topic, "never")), context.Canceled)
	}
	require.NoError(t, out.Publish(t.Context(), to(topic, "1")))
	ids, _ := committed(t, r.cfg, r, topic)
	assert.Equal(t, []string{"1"}, ids)
}
