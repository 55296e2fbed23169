package kafka_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// lagIs waits until a group is that far behind.
func (r rig) lagIs(t *testing.T, of mq.Reader, want uint64) {
	t.Helper()
	var got uint64
	if !assert.Eventually(t, func() bool {
		lag, err := r.Lag(t.Context(), of)
		require.NoError(t, err)
		got = lag[of]
		_, began := lag[of]
		return began && got == want
	}, 15*time.Second, 50*time.Millisecond) {
		require.FailNow(t, "wrong lag", "%d instead of %d", got, want)
	}
}

// A transaction leaves a marker in each partition, which no reader acknowledges: a group that has read
// everything has no lag, and another one's lag counts records only.
func TestLagCountsRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.prefix + "topic"
	require.NoError(t, r.Ensure(t.Context(), mq.Topic{Name: topic, Partitions: 4}))
	t.Cleanup(func() { require.NoError(t, r.Delete(context.Background(), topic)) })
	of := mq.Reader{Topic: topic, Group: r.prefix + "g"}
	ch := read(t, r, topic, mq.SubscriberConfig{Group: of.Group, Lanes: 1})
	out := r.outbox(t, "out")
	publish := func(n int) {
		for i := range n {
			one := to(topic, fmt.Sprint(i))
			one.Message.Metadata[mq.KeyMetadata] = fmt.Sprint(i)
			require.NoError(t, out.Publish(t.Context(), one))
		}
	}
	take := func(n int) (last *message.Message) {
		for range n {
			last = next(t, ch)
		}
		return last
	}
	publish(8)
	take(8)
	r.lagIs(t, of, 0)
	publish(10)
	held := <-ch // and with it everything that comes after, in one lane
	r.lagIs(t, of, 10)
	require.NoError(t, r.Publisher().Publish(topic, keyedTo("plain", "plain")))
	r.lagIs(t, of, 11)
	held.Ack()
	take(10)
	r.lagIs(t, of, 0)

	// An aborted transaction's records count for nobody; an open one's may still come.
	s := sarama.NewConfig()
	s.Version, s.Net.MaxOpenRequests = sarama.V2_8_0_0, 1
	p := &s.Producer
	p.RequiredAcks, p.Idempotent, p.Return.Successes, p.Transaction.ID = sarama.WaitForAll, true, true, r.prefix+"other"
	producer, err := sarama.NewSyncProducer(r.cfg.Brokers, s)
	require.NoError(t, err)
	defer producer.Close()
	require.NoError(t, producer.BeginTxn())
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("v")})
	require.NoError(t, err)
	r.lagIs(t, of, 1)
	require.NoError(t, producer.AbortTxn())
	r.lagIs(t, of, 0)
}

// A lag that is too large to count is estimated from its beginning.
func TestLagOfALargeBacklog(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	of := mq.Reader{Topic: topic, Group: r.prefix + "g"}
	ch := read(t, r, topic, mq.SubscriberConfig{Group: of.Group, Lanes: 1})
	require.NoError(t, r.Publisher().Publish(topic, keyedTo("k", "first")))
	next(t, ch)
	r.lagIs(t, of, 0)
	out := r.outbox(t, "out")
	const calls, each = 150, 4
	for n := range calls {
		var all []mq.Outbound
		for range each {
			one := to(topic, fmt.Sprint(n))
			one.Message.Payload = make([]byte, 500)
			all = append(all, one)
		}
		require.NoError(t, out.Publish(t.Context(), all...))
	}
	lag, err := r.Lag(t.Context(), of)
	require.NoError(t, err)
	assert.InDelta(t, calls*each, lag[of], calls*each/20)
}

// Records that were deleted before they were read do not count.
func TestLagOfAGroupThatMissedRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	of := mq.Reader{Topic: topic, Group: r.prefix + "g"}
	ch := read(t, r, topic, mq.SubscriberConfig{Group: of.Group, Lanes: 1})
	for n := range 10 {
		require.NoError(t, r.Publisher().Publish(topic, keyedTo("k", fmt.Sprint(n))))
	}
	next(t, ch)
	r.lagIs(t, of, 9)
	require.NoError(t, r.admin(t).DeleteRecords(topic, map[int32]int64{0: 6}))
	r.lagIs(t, of, 4)
}

// The brokers may have any number of other groups: only ours are asked for.
func TestLagAmongManyGroups(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic, foreign := r.topic(t, "topic"), r.topic(t, "foreign")
	of := mq.Reader{Topic: topic, Group: r.prefix + "g"}
	ch := read(t, r, topic, mq.SubscriberConfig{Group: of.Group, Lanes: 1})
	require.NoError(t, r.Publisher().Publish(topic, keyedTo("k", "1")))
	next(t, ch)
	r.lagIs(t, of, 0)
	many := 50
	if os.Getenv("CI_NIGHTLY") != "" {
		many = 1000
	}
	admin := r.admin(t)
	for n := range many {
		group := fmt.Sprint(r.prefix, "foreign", n)
		coordinator, err := admin.Coordinator(group)
		require.NoError(t, err)
		req := &sarama.OffsetCommitRequest{Version: 5, ConsumerGroup: group, ConsumerGroupGeneration: sarama.GroupGenerationUndefined}
		req.AddBlock(foreign, 0, 0, 0, "")
		_, err = coordinator.CommitOffset(req)
		require.NoError(t, err)
		t.Cleanup(func() { _ = admin.DeleteConsumerGroup(group) }) // best effort: the brokers forget it in a week
	}
	const scrape = 5 * time.Second // what an exporter waits
	ctx, cancel := context.WithTimeout(t.Context(), scrape)
	defer cancel()
	absent := mq.Reader{Topic: r.prefix + "absent", Group: of.Group}
	lag, err := r.Lag(ctx, of, absent, mq.Reader{Topic: topic, Group: r.prefix + "never"})
	require.NoError(t, err)
	assert.Equal(t, map[mq.Reader]uint64{of: 0}, lag)
}

// What else is asked of a transport for people.
func TestTopicsAreOurs(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	topics, err := r.Topics(t.Context())
	require.NoError(t, err)
	assert.Contains(t, topics, topic)
	assert.NotContains(t, topics, "__consumer_offsets")
	require.NoError(t, r.Health(t.Context()))
}
