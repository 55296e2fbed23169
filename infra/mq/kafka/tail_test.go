package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
)

func read(t *testing.T, tr mq.Transport, topic string, cfg mq.SubscriberConfig) <-chan *message.Message {
	t.Helper()
	sub, err := tr.Subscriber(cfg)
	require.NoError(t, err)
	ch, err := sub.Subscribe(context.WithoutCancel(t.Context()), topic)
	require.NoError(t, err)
	return ch
}

// next returns the next message, acknowledged.
func next(t *testing.T, ch <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-ch:
		require.True(t, ok, "the subscription ended")
		m.Ack()
		return m
	case <-time.After(30 * time.Second):
		require.FailNow(t, "no message arrived")
		return nil
	}
}

// TestTailSeesWhatIsConfirmedLater: a reader gets the records of a transaction that was open when it began
// and is committed later.
func TestTailSeesWhatIsConfirmedLater(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	require.NoError(t, r.Publisher().Publish(topic, to(topic, "old").Message))
	s := sarama.NewConfig()
	s.Version, s.Net.MaxOpenRequests = sarama.V2_8_0_0, 1
	p := &s.Producer
	p.RequiredAcks, p.Idempotent, p.Return.Successes, p.Transaction.ID = sarama.WaitForAll, true, true, r.prefix+"slow"
	producer, err := sarama.NewSyncProducer(r.cfg.Brokers, s)
	require.NoError(t, err)
	defer producer.Close()
	require.NoError(t, producer.BeginTxn())
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("open")})
	require.NoError(t, err)

	ch := read(t, r, topic, mq.SubscriberConfig{Start: mq.StartNewest, Lanes: 1})
	require.NoError(t, producer.CommitTxn())
	assert.Equal(t, "open", string(next(t, ch).Payload))
}

// TestTailOfADeletedTopicEnds: it ends soon, and logs little.
func TestTailOfADeletedTopicEnds(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	tr, err := kafka.Open(t.Context(), config(t), zap.New(core))
	require.NoError(t, err)
	defer func() { require.NoError(t, tr.Close()) }()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	ch := read(t, tr, topic, mq.SubscriberConfig{Start: mq.StartNewest})
	require.NoError(t, r.Publisher().Publish(topic, to(topic, "1").Message))
	next(t, ch)
	require.NoError(t, r.Delete(t.Context(), topic))
	select {
	case _, more := <-ch:
		require.False(t, more)
	case <-time.After(30 * time.Second):
		require.FailNow(t, "it reads on")
	}
	assert.LessOrEqual(t, logs.Len(), 2, "%v", logs.All())
}

// TestReadersOfATopicMadeAgain go on with what is new in it.
func TestReadersOfATopicMadeAgain(t *testing.T) {
	t.Parallel()
	r, other := newRig(t, config(t)), newRig(t, config(t))
	topic := r.topic(t, "topic")
	tail := read(t, r, topic, mq.SubscriberConfig{Start: mq.StartNewest})
	member := read(t, r, topic, mq.SubscriberConfig{Group: r.prefix + "g"})
	for _, id := range []string{"1", "2", "3"} {
		require.NoError(t, r.Publisher().Publish(topic, to(topic, id).Message))
		assert.Equal(t, id, next(t, tail).UUID)
		assert.Equal(t, id, next(t, member).UUID)
	}
	require.NoError(t, other.Delete(t.Context(), topic))
	require.NoError(t, other.Ensure(t.Context(), mq.Topic{Name: topic, Partitions: 1}))
	require.NoError(t, other.Publisher().Publish(topic, to(topic, "new").Message))
	assert.Equal(t, "new", next(t, tail).UUID)
	assert.Equal(t, "new", next(t, member).UUID)
}

// TestRecordsOfOthers: records that no Watermill program wrote are handed on as they are.
func TestRecordsOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	s := sarama.NewConfig()
	s.Version, s.Producer.Return.Successes = sarama.V2_8_0_0, true
	producer, err := sarama.NewSyncProducer(r.cfg.Brokers, s)
	require.NoError(t, err)
	defer producer.Close()
	for _, record := range []*sarama.ProducerMessage{
		{Value: sarama.StringEncoder("bare")},
		{Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("keyed"), Headers: []sarama.RecordHeader{{Key: []byte{0xff}, Value: []byte{0}}}},
		{Key: sarama.StringEncoder("k")},
	} {
		record.Topic = topic
		_, _, err := producer.SendMessage(record)
		require.NoError(t, err)
	}
	ch := read(t, r, topic, mq.SubscriberConfig{Group: r.prefix + "g", Lanes: 1})
	seen := map[string]bool{}
	for _, want := range []struct{ payload, key string }{{"bare", ""}, {"keyed", "k"}, {"", "k"}} {
		m := next(t, ch)
		assert.Equal(t, want.payload, string(m.Payload))
		assert.Equal(t, want.key, m.Metadata[mq.KeyMetadata])
		assert.False(t, m.UUID == "" || seen[m.UUID], "a name of its own: %q", m.UUID)
		seen[m.UUID] = true
	}
}

// TestACallGivenUpHarmsNobody: a call that within gave up ends in the background.
func TestACallGivenUpHarmsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	for wait := time.Duration(0); wait < 20*time.Millisecond; wait += 200 * time.Microsecond {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		if lag, err := r.Lag(ctx, mq.Reader{Topic: topic, Group: "g"}); err != nil {
			assert.Nil(t, lag)
		}
		_, _ = r.Topics(ctx)
		_ = r.Health(ctx)
		_ = r.Ensure(ctx, mq.Topic{Name: topic, Partitions: 1})
		cancel()
	}
}

// TestNothingRunsAfterClose. It is not parallel, since it counts what runs.
func TestNothingRunsAfterClose(t *testing.T) {
	cfg := config(t)
	before := goleak.IgnoreCurrent()
	meters := goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick") // one for ever
	tr, err := kafka.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	topic := "closing" + time.Now().Format("150405.000000")
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: topic, Partitions: 4}))
	out, err := tr.Outbox(topic)
	require.NoError(t, err)
	tail := read(t, tr, topic, mq.SubscriberConfig{Start: mq.StartNewest})
	member := read(t, tr, topic, mq.SubscriberConfig{Group: topic})
	require.NoError(t, out.Publish(t.Context(), to(topic, "1")))
	next(t, tail)
	next(t, member)
	require.NoError(t, tr.Delete(t.Context(), topic))
	require.NoError(t, tr.Close())
	var left error
	assert.Eventually(t, func() bool { left = goleak.Find(before, meters); return left == nil }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, left)
	assert.ErrorIs(t, tr.Health(t.Context()), mq.ErrClosed)
}
