package kafka

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// TestNames: with an environment everything at the brokers begins with it; without one names are
// what they always were.
func TestNames(t *testing.T) {
	t.Parallel()
	for environment, start := range map[string]string{"": "", "blue": "blue."} {
		cfg := DefaultConfig()
		cfg.Environment = environment
		assert.Equal(t, start+"im-upstream-topic", cfg.named("im-upstream-topic"))
		back, ours := cfg.unnamed(start + "im-upstream-topic")
		assert.True(t, ours)
		assert.Equal(t, "im-upstream-topic", back)
		assert.Equal(t, []mq.Outbound{{Topic: start + "a"}, {Topic: start + "b"}}, cfg.bound([]mq.Outbound{{Topic: "a"}, {Topic: "b"}}))
		s, err := cfg.sarama()
		require.NoError(t, err)
		assert.Equal(t, start+"gochat", s.ClientID)
		cfg.ClientID = "worker-1"
		s, err = cfg.transacting("message")
		require.NoError(t, err)
		assert.Equal(t, start+"worker-1-message", s.Producer.Transaction.ID)
		id := newIdentity(cfg, s.Producer.Transaction.ID)
		assert.Equal(t, start+"mq-outbox-owners", id.topic)
		assert.Equal(t, start+"outbox-owner-"+start+"worker-1-message", id.group)
	}
	blue := Config{Environment: "blue"}
	for _, other := range []string{"im-upstream-topic", "blue-2.im-upstream-topic", "green.im-upstream-topic", "blueim-upstream-topic"} {
		_, ours := blue.unnamed(other)
		assert.False(t, ours, other)
	}
}
