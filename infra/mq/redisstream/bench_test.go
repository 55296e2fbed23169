package redisstream

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

func benchWorld(b *testing.B) *Transport {
	b.Helper()
	addr := os.Getenv("GOCHAT_TEST_REDIS_STREAM_ADDR")
	if addr == "" {
		b.Skip("GOCHAT_TEST_REDIS_STREAM_ADDR names no Redis")
	}
	cfg := DefaultConfig()
	cfg.Addrs, cfg.Prefix = []string{addr}, "bench-"+watermill.NewShortUUID()
	tr, err := Open(b.Context(), cfg, zap.NewNop())
	require.NoError(b, err)
	require.NoError(b, tr.Ensure(b.Context(), mq.Topic{Name: "topic", Partitions: cfg.Shards}))
	b.Cleanup(func() {
		require.NoError(b, tr.Delete(context.Background(), "topic"))
		require.NoError(b, tr.Close())
	})
	return tr
}

func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			tr := benchWorld(b)
			b.ReportAllocs()
			var next atomic.Uint64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for n := next.Add(1); n <= uint64(b.N); n = next.Add(1) { //nolint:gosec // positive
						m := message.NewMessage(fmt.Sprint(n), make([]byte, 250))
						m.Metadata = message.Metadata{mq.KeyMetadata: fmt.Sprint(n % 1000)}
						if err := tr.Publisher().Publish("topic", m); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkTrim looks at a shard that a group has not acknowledged: the price must
// not grow with what is in it.
func BenchmarkTrim(b *testing.B) {
	for _, entries := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			tr := benchWorld(b)
			sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g"})
			require.NoError(b, err)
			_, err = sub.Subscribe(b.Context(), "topic")
			require.NoError(b, err)
			msgs := make([]*message.Message, entries)
			for i := range msgs {
				msgs[i] = message.NewMessage(fmt.Sprint(i), make([]byte, 250))
				msgs[i].Metadata = message.Metadata{mq.KeyMetadata: "one shard"}
			}
			require.NoError(b, tr.Publisher().Publish("topic", msgs...))
			b.ResetTimer()
			for b.Loop() {
				_, err := tr.trimTopic(b.Context(), "topic", 12)
				require.NoError(b, err)
			}
		})
	}
}
