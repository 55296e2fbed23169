package kafka

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// TestWhoIsTakenForReplaced: an answer that was lost on its way from the coordinator must not look like
// another process of the same name, and such a process must be noticed.
func TestWhoIsTakenForReplaced(t *testing.T) {
	t.Parallel()
	brokers := os.Getenv("GOCHAT_TEST_KAFKA_BROKERS")
	if brokers == "" {
		t.Skip("GOCHAT_TEST_KAFKA_BROKERS names no Kafka")
	}
	for name, c := range map[string]struct {
		// registered is how often a producer has registered since the claim.
		registered int
		replaced   bool
		want       error
	}{
		"as it goes": {registered: 1},
		"the request was lost, and the producer given up":   {registered: 0},
		"the answer was lost, and the producer asked again": {registered: 3},
		"another process began":                             {registered: 2, replaced: true, want: mq.ErrFenced},
		"another process began, and no producer of it yet":  {registered: 1, replaced: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := DefaultConfig()
			conf.Brokers = strings.Split(brokers, ",")
			tr, err := Open(t.Context(), conf, zap.NewNop())
			require.NoError(t, err)
			defer func() { require.NoError(t, tr.Close()) }()
			require.NoError(t, tr.ensureOwners())
			s, err := conf.transacting(strings.NewReplacer(" ", "-", ",", "").Replace(name) + time.Now().Format(".150405.000000"))
			require.NoError(t, err)
			client, err := sarama.NewClient(conf.Brokers, s)
			require.NoError(t, err)
			defer client.Close()
			id := newIdentity(conf, s.Producer.Transaction.ID)
			require.NoError(t, id.own(t.Context(), client))
			require.NoError(t, id.claim(t.Context(), client))
			if c.replaced {
				require.NoError(t, newIdentity(conf, id.id).own(t.Context(), client))
			}
			for range c.registered {
				require.NoError(t, newIdentity(conf, id.id).register(client))
			}
			assert.ErrorIs(t, id.claim(t.Context(), client), c.want)
		})
	}
}
