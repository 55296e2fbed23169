package kafka_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
	"github.com/gochat/gochat/infra/mq/mqtest"
)

// BenchmarkPublish is one message a call, by as many callers as its name says.
func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			tr := benchTransport(b, func(*kafka.Config) {}, "topic")
			measured(b, callers, func(n int) error {
				return tr.Publisher().Publish("topic", keyed(n))
			})
		})
	}
}

// BenchmarkOutbox is a call as the pipeline makes it: the stored event and an
// envelope for each of two gateways.
func BenchmarkOutbox(b *testing.B) {
	for _, transactions := range []bool{true, false} {
		for _, callers := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("transactions=%t/callers=%d", transactions, callers), func(b *testing.B) {
				tr := benchTransport(b, func(c *kafka.Config) { c.Transactions = transactions }, "stored", "one", "two")
				out, err := tr.Outbox("bench")
				require.NoError(b, err)
				measured(b, callers, func(n int) error {
					return out.Publish(context.Background(), mq.Outbound{Topic: "stored", Message: keyed(n)},
						mq.Outbound{Topic: "one", Message: keyed(n)}, mq.Outbound{Topic: "two", Message: keyed(n)})
				})
			})
		}
	}
}

func benchTransport(b *testing.B, adapt func(*kafka.Config), topics ...string) mq.Transport {
	b.Helper()
	cfg := config(b)
	adapt(&cfg)
	inner, err := kafka.Open(b.Context(), cfg, zap.NewNop())
	require.NoError(b, err)
	tr := mqtest.Prefixed(inner, b.TempDir())
	for i, name := range topics {
		partitions := 12
		if i > 0 {
			partitions = 1 // a gateway's
		}
		require.NoError(b, tr.Ensure(b.Context(), mq.Topic{Name: name, Partitions: partitions}))
	}
	b.Cleanup(func() {
		require.NoError(b, tr.Delete(context.Background(), topics...))
		require.NoError(b, tr.Close())
	})
	return tr
}

func keyed(n int) *message.Message {
	m := message.NewMessage(fmt.Sprint(n), make([]byte, 200))
	m.Metadata[mq.KeyMetadata] = fmt.Sprint(n % 1000)
	return m
}

// measured reports calls per second and this process's CPU time per call.
func measured(b *testing.B, callers int, call func(n int) error) {
	b.Helper()
	require.NoError(b, call(0)) // connections and metadata
	work := make(chan int)
	done := make(chan error, callers)
	b.ReportAllocs()
	b.ResetTimer()
	began, cpu := time.Now(), cpuTime()
	for range callers {
		go func() {
			var err error
			for n := range work {
				if e := call(n); e != nil {
					err = e
				}
			}
			done <- err
		}()
	}
	for n := range b.N {
		work <- n
	}
	close(work)
	for range callers {
		require.NoError(b, <-done)
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "calls/s")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "µs-cpu/call")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
