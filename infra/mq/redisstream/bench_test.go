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

func benchWorld(b *testing.B, topics ...string) *Transport {
	b.Helper()
	addr := os.Getenv("GOCHAT_TEST_REDIS_STREAM_ADDR")
	if addr == "" {
		b.Skip("GOCHAT_TEST_REDIS_STREAM_ADDR names no Redis")
	}
	cfg := DefaultConfig()
	cfg.Addrs, cfg.Prefix = []string{addr}, "bench-"+watermill.NewShortUUID()
	tr, err := Open(b.Context(), cfg, zap.NewNop())
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, tr.Close())
		sweep(b, cfg)
	})
	for i, name := range topics {
		partitions := cfg.Shards
		if i > 0 {
			partitions = 1 // a gateway's
		}
		require.NoError(b, tr.Ensure(b.Context(), mq.Topic{Name: name, Partitions: partitions}))
	}
	return tr
}

func keyed(n int) *message.Message {
	m := message.NewMessage(fmt.Sprint(n), make([]byte, 250))
	m.Metadata = message.Metadata{mq.KeyMetadata: fmt.Sprint(n % 1000)}
	return m
}

// measured has callers share b.N calls.
func measured(b *testing.B, callers int, call func(n int) error) {
	b.Helper()
	b.ReportAllocs()
	var next atomic.Int64
	var running sync.WaitGroup
	b.ResetTimer()
	for range callers {
		running.Go(func() {
			for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
				if err := call(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkPublish is one message a call, by as many callers as its name says.
func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			tr := benchWorld(b, "topic")
			measured(b, callers, func(n int) error { return tr.Publisher().Publish("topic", keyed(n)) })
		})
	}
}

// BenchmarkOutbox is a call as the pipeline makes it: the stored event and an
// envelope for each of two gateways.
func BenchmarkOutbox(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			tr := benchWorld(b, "stored", "one", "two")
			out, err := tr.Outbox("bench")
			require.NoError(b, err)
			measured(b, callers, func(n int) error {
				return out.Publish(context.Background(), mq.Outbound{Topic: "stored", Message: keyed(n)},
					mq.Outbound{Topic: "one", Message: keyed(n)}, mq.Outbound{Topic: "two", Message: keyed(n)})
			})
		})
	}
}

// BenchmarkConsume has a group work off what is there.
func BenchmarkConsume(b *testing.B) {
	for _, run := range []int{1, 64} {
		b.Run(fmt.Sprintf("run=%d", run), func(b *testing.B) {
			tr := benchWorld(b, "topic")
			early, err := tr.Subscriber(mq.SubscriberConfig{Group: "g"})
			require.NoError(b, err)
			_, err = early.Subscribe(b.Context(), "topic") // nothing is trimmed from now on
			require.NoError(b, err)
			require.NoError(b, early.Close())
			for n := 0; n < b.N; {
				var msgs []*message.Message
				for ; n < b.N && len(msgs) < 1000; n++ {
					msgs = append(msgs, keyed(n))
				}
				require.NoError(b, tr.Publisher().Publish("topic", msgs...))
			}
			sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g", Run: run})
			require.NoError(b, err)
			b.ReportAllocs()
			b.ResetTimer()
			ch, err := sub.Subscribe(b.Context(), "topic")
			require.NoError(b, err)
			for got := 0; got < b.N; {
				m := <-ch
				got += len(mq.Run(m))
				m.Ack()
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkTrim looks at a shard that a group has not acknowledged: the price must
// not grow with what is in it.
func BenchmarkTrim(b *testing.B) {
	for _, entries := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			tr := benchWorld(b, "topic")
			sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g"})
			require.NoError(b, err)
			_, err = sub.Subscribe(b.Context(), "topic")
			require.NoError(b, err)
			msgs := make([]*message.Message, entries)
			for i := range msgs {
				msgs[i] = keyed(1) // one shard
			}
			require.NoError(b, tr.Publisher().Publish("topic", msgs...))
			b.ResetTimer()
			for b.Loop() {
				_, err := tr.trimTopic(b.Context(), "topic", tr.cfg.Shards)
				require.NoError(b, err)
			}
		})
	}
}
