package kafka

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// session has all that a generation asks of sarama's session.
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
			require.Empty(t, g.whyUnsure(), "it runs, and brokers answer")
		}
		time.Sleep(limit + time.Second)
		require.ErrorIs(t, g.ctx.Err(), context.Canceled, "its watch ends it when no broker answers")
		assert.Contains(t, g.whyUnsure(), "no broker")
		require.NoError(t, g.Cleanup(nil))

		g = begin()
		g.cancel() // its watch does not run, as in a process that is stopped
		<-g.done
		time.Sleep(limit + time.Second)
		heard(g) // what brokers had said before is read first
		assert.Contains(t, g.whyUnsure(), "paused")
		require.NoError(t, g.Cleanup(nil))
	})
}

// A broker that was silent for slightly too long may answer before the watch looks again. A lane that the
// gate told false meanwhile never asks again, so the first false ends the generation, and the next generation
// delivers the record.
func TestANoIsTheEndOfAGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 6 * time.Second
		out := make(chan *message.Message)
		g := &generation{
			cfg: mq.SubscriberConfig{}.WithDefaults(), out: out, limit: limit, log: zap.NewNop(),
			brokers: bind(t.Context(), sarama.NewConfig()),
		}
		require.NoError(t, g.Setup(session{ctx: t.Context()}))
		time.Sleep(limit / 20) // between two looks of the watch
		g.brokers.heard.Store(int64(time.Since(g.brokers.made)))
		time.Sleep(limit + limit/100) // the watch looks next in a while
		require.Contains(t, g.whyUnsure(), "no broker")
		require.NoError(t, g.ctx.Err(), "the watch has not seen it")

		source := g.lanes.Source(func(uint64) {})
		require.True(t, source.Feed(g.ctx, mq.Record{Message: message.NewMessage("1", nil)}))
		synctest.Wait() // its lane has asked, and was told no
		g.brokers.heard.Store(int64(time.Since(g.brokers.made)))
		require.Empty(t, g.whyUnsure(), "the broker answers again")
		time.Sleep(limit / 5)
		require.ErrorIs(t, g.ctx.Err(), context.Canceled, "the lane waits for ever, and nothing ends it")
		require.NoError(t, g.Cleanup(nil))
	})
}
