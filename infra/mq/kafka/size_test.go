package kafka_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// batchSetting is the topic's limit of one batch.
const batchSetting = "max.message.bytes"

// limit asks the brokers how much a topic takes at once, and whether the topic says so
// itself.
func limit(t *testing.T, admin sarama.ClusterAdmin, topic string) (bytes int, own bool) {
	t.Helper()
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{batchSetting}}) //nolint:staticcheck // one topic is all that is asked about
	require.NoError(t, err)
	require.Len(t, entries, 1)
	bytes, err = strconv.Atoi(entries[0].Value)
	require.NoError(t, err)
	return bytes, entries[0].Source == sarama.SourceTopic
}

// narrow makes a topic with a small limit, as an operator might.
func (r rig) narrow(t *testing.T, admin sarama.ClusterAdmin, name string, bytes int) string {
	t.Helper()
	name = r.prefix + name
	value := strconv.Itoa(bytes)
	require.NoError(t, admin.CreateTopic(name, &sarama.TopicDetail{
		NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{batchSetting: &value},
	}, false))
	t.Cleanup(func() { require.NoError(t, r.Delete(context.Background(), name)) })
	return name
}

// batch is a call of small messages that go to one partition together.
func batch(topic, id string, n, bytes int) (msgs []*message.Message, outs []mq.Outbound) {
	for i := range n {
		m := message.NewMessage(fmt.Sprintf("%s-%d", id, i), make([]byte, bytes))
		m.Metadata[mq.KeyMetadata] = "key"
		msgs, outs = append(msgs, m), append(outs, mq.Outbound{Topic: topic, Message: m})
	}
	return msgs, outs
}

// The brokers' default is not relied on: a topic takes what mq promises, whoever made it.
func TestTopicsTakeWhatTheQueuePromises(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	admin := r.admin(t)
	for name, c := range map[string]struct {
		topic func(name string) string
		tail  bool
		most  int
	}{
		"made here":             {topic: func(n string) string { return r.prefix + n }},
		"a tail made here":      {topic: func(n string) string { return r.prefix + n }, tail: true},
		"made narrow":           {topic: func(n string) string { return r.narrow(t, admin, n, 16<<10) }},
		"a tail made narrow":    {topic: func(n string) string { return r.narrow(t, admin, n, 16<<10) }, tail: true},
		"made wider than ours":  {topic: func(n string) string { return r.narrow(t, admin, n, 4<<20) }, most: 4 << 20},
		"made a little too low": {topic: func(n string) string { return r.narrow(t, admin, n, mq.MaxRecordBytes) }},
	} {
		topic := c.topic("size" + strconv.Itoa(len(name)))
		require.NoError(t, r.Ensure(t.Context(), mq.Topic{Name: topic, Partitions: 1, Tail: c.tail}), name)
		t.Cleanup(func() { _ = r.Delete(context.Background(), topic) }) // it may be gone
		assert.Eventually(t, func() bool {
			bytes, own := limit(t, admin, topic)
			return own && bytes > mq.MaxRecordBytes && (c.most == 0 || bytes == c.most)
		}, 10*time.Second, 50*time.Millisecond, name)
		// 800 KiB in one request, and the largest record with the least around it.
		msgs, outs := batch(topic, name, 800, 1<<10)
		require.NoError(t, r.Publisher().Publish(topic, msgs...), name)
		require.NoError(t, r.outbox(t, strconv.Itoa(len(name))).Publish(t.Context(), outs...), name)
		const around = 36 + len("key") + 2*(5+5) + len("_watermill_message_uuid") + len("1234567") + len("partition_key") + len("key")
		whole := message.NewMessage("largest", make([]byte, mq.MaxRecordBytes-around))
		whole.Metadata[mq.KeyMetadata] = "key"
		require.NoError(t, r.Publisher().Publish(topic, whole), name)
	}
}

// When an operator lowers a topic's limit, the records that happened to be in one batch are not at fault:
// otherwise each of them would be given up for ever.
func TestABatchThatIsRefusedIsNoRecordsFault(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	admin := r.admin(t)
	topic := r.topic(t, "narrowed")
	low := "16384"
	require.NoError(t, admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		batchSetting: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &low},
	}, false))
	require.Eventually(t, func() bool { bytes, _ := limit(t, admin, topic); return bytes == 16384 }, 10*time.Second, 50*time.Millisecond)
	msgs, outs := batch(topic, "small", 200, 1<<10)
	out := r.outbox(t, "narrowed")
	var publishing, sending error
	require.Eventually(t, func() bool { // a broker may learn of a setting late
		publishing, sending = r.Publisher().Publish(topic, msgs...), out.Publish(t.Context(), outs...)
		return publishing != nil && sending != nil
	}, 20*time.Second, 50*time.Millisecond)
	for name, err := range map[string]error{"publisher": publishing, "outbox": sending} {
		require.NotErrorIs(t, err, mq.ErrTooLarge, name)
		assert.ErrorContains(t, err, batchSetting, name+": it says what to do")
	}
	require.NoError(t, r.Ensure(t.Context(), mq.Topic{Name: topic, Partitions: 1}))
	require.Eventually(t, func() bool {
		return r.Publisher().Publish(topic, msgs...) == nil && out.Publish(t.Context(), outs...) == nil
	}, 20*time.Second, 50*time.Millisecond, "once it is mended they go through")
}
