package kafka_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
)

// TestEnvironmentsOnTheSameBrokers: two environments have topics, groups and outboxes of the same names, and
// neither sees the other's.
func TestEnvironmentsOnTheSameBrokers(t *testing.T) {
	t.Parallel()
	const topic, tail, group = "shared", "tail", "readers"
	all := map[string]*kafka.Transport{}
	for _, name := range []string{"blue", "green"} {
		cfg := config(t)
		cfg.Environment = name + time.Now().Format("-150405-000000")
		cfg.ClientID = "worker"
		tr, err := kafka.Open(t.Context(), cfg, quiet(t))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, tr.Close()) })
		require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: topic, Partitions: 1}, mq.Topic{Name: tail, Partitions: 1, Tail: true}))
		out, err := tr.Outbox("outbox")
		require.NoError(t, err, "an outbox of the same name is another environment's")
		require.NoError(t, out.Publish(t.Context(), mq.Outbound{Topic: topic, Message: message.NewMessage(name+"-1", nil)}))
		require.NoError(t, tr.Publisher().Publish(topic, message.NewMessage(name+"-2", nil)))
		all[name] = tr
	}
	for name, tr := range all {
		sub, err := tr.Subscriber(mq.SubscriberConfig{Group: group})
		require.NoError(t, err)
		got, err := sub.Subscribe(t.Context(), topic)
		require.NoError(t, err)
		seen := map[string]bool{} // a record may come twice, so that they are not counted
		for !seen[name+"-1"] || !seen[name+"-2"] {
			m := <-got
			require.Contains(t, []string{name + "-1", name + "-2"}, m.UUID, "a record of another environment")
			seen[m.UUID] = true
			m.Ack()
		}
		require.NoError(t, sub.Close())
		reader := mq.Reader{Topic: topic, Group: group}
		lag, err := tr.Lag(t.Context(), reader)
		require.NoError(t, err)
		assert.Equal(t, map[mq.Reader]uint64{reader: 0}, lag)
		topics, err := tr.Topics(t.Context())
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{topic, tail, "mq-outbox-owners"}, topics)
	}
	require.NoError(t, all["blue"].Delete(t.Context(), topic, tail))
	require.ErrorIs(t, all["blue"].Publisher().Publish(topic, message.NewMessage("late", nil)), mq.ErrUnknownTopic)
	require.NoError(t, all["green"].Publisher().Publish(topic, message.NewMessage("late", nil)))
	require.NoError(t, all["green"].Delete(t.Context(), topic, tail))
}
