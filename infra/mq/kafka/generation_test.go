package kafka

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// session is all that a generation asks of sarama's.
type session struct {
	sarama.ConsumerGroupSession
	ctx context.Context //nolint:containedctx // as sarama's has it
}

func (s session) Context() context.Context { return s.ctx }

func TestWhenAMemberDoubts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 6 * time.Second
		heard := func(g *generation) { g.brokers.heard.Store(int64(time.Since(g.brokers.made))) }
		begin := func() *generation {
			g := &generation{
				cfg: mq.SubscriberConfig{}.WithDefaults(), limit: limit, log: zap.NewNop(),
				brokers: bind(t.Context(), sarama.NewConfig()),
			}
			require.NoError(t, g.Setup(session{ctx: t.Context()}))
			return g
		}
		g := begin()
		for range 10 {
			time.Sleep(limit / 2)
			heard(g)
			require.Empty(t, g.doubt(), "it runs, and brokers answer")
		}
		time.Sleep(limit + time.Second)
		require.ErrorIs(t, g.ctx.Err(), context.Canceled, "its watch ends it when no broker answers")
		assert.Contains(t, g.doubt(), "no broker")
		require.NoError(t, g.Cleanup(nil))

		g = begin()
		g.cancel() // its watch does not run, as in a process that is stopped
		<-g.done
		time.Sleep(limit + time.Second)
		heard(g) // what brokers had said before is read first
		assert.Contains(t, g.doubt(), "stood still")
		require.NoError(t, g.Cleanup(nil))
	})
}
