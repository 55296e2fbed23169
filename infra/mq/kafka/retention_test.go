package kafka_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

func (r rig) admin(t *testing.T) sarama.ClusterAdmin {
	t.Helper()
	s := sarama.NewConfig()
	s.Version = sarama.V2_8_0_0
	admin, err := sarama.NewClusterAdmin(r.cfg.Brokers, s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, admin.Close()) })
	return admin
}

// retention asks the brokers for how long they keep a topic's records.
func retention(t *testing.T, admin sarama.ClusterAdmin, topic string) time.Duration {
	t.Helper()
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}}) //nolint:staticcheck // one topic is all that is asked about
	require.NoError(t, err)
	require.Len(t, entries, 1)
	ms, err := strconv.ParseInt(entries[0].Value, 10, 64)
	require.NoError(t, err)
	return time.Duration(ms) * time.Millisecond
}

// A topic for groups is kept for mq.kafka.retention, even with one partition; a tail topic is of no use after
// an hour.
func TestRetentionIsByTheKindOfATopic(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	admin := r.admin(t)
	for name, c := range map[string]struct {
		topic mq.Topic
		want  time.Duration
	}{
		"shared, one partition":   {mq.Topic{Partitions: 1}, r.cfg.Retention},
		"shared, some partitions": {mq.Topic{Partitions: 3}, r.cfg.Retention},
		"a tail, one partition":   {mq.Topic{Partitions: 1, Tail: true}, r.cfg.TailRetention},
		"a tail, some partitions": {mq.Topic{Partitions: 3, Tail: true}, r.cfg.TailRetention},
	} {
		c.topic.Name = r.prefix + strconv.Itoa(c.topic.Partitions) + strconv.FormatBool(c.topic.Tail)
		require.NoError(t, r.Ensure(t.Context(), c.topic), name)
		t.Cleanup(func() { require.NoError(t, r.Delete(context.Background(), c.topic.Name)) })
		assert.Equal(t, c.want, retention(t, admin, c.topic.Name), name)
	}
}

// A topic for groups with a tail topic's retention loses accepted records: Ensure corrects it, and changes no
// other retention.
func TestARetentionThatIsTooShortIsMended(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	admin := r.admin(t)
	tail := r.cfg.TailRetention
	for name, c := range map[string]struct {
		is, want time.Duration
		kind     mq.Topic
	}{
		"as a tail's":              {tail, r.cfg.Retention, mq.Topic{Partitions: 1}},
		"as somebody has set it":   {2 * tail, 2 * tail, mq.Topic{Partitions: 1}},
		"of more partitions":       {tail, tail, mq.Topic{Partitions: 2}},
		"a tail's, and it is one":  {tail, tail, mq.Topic{Partitions: 1, Tail: true}},
		"longer than the settings": {30 * r.cfg.Retention, 30 * r.cfg.Retention, mq.Topic{Partitions: 1}},
	} {
		c.kind.Name = r.prefix + strconv.Itoa(len(name))
		ms := strconv.FormatInt(c.is.Milliseconds(), 10)
		require.NoError(t, admin.CreateTopic(c.kind.Name, &sarama.TopicDetail{
			NumPartitions: int32(c.kind.Partitions), ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &ms}, //nolint:gosec // small
		}, false))
		t.Cleanup(func() { require.NoError(t, r.Delete(context.Background(), c.kind.Name)) })
		require.NoError(t, r.Ensure(t.Context(), c.kind))
		assert.Eventually(t, func() bool { return retention(t, admin, c.kind.Name) == c.want }, 10*time.Second, 50*time.Millisecond, name)
	}
}
