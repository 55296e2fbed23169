package walog_test

import (
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/mqtest"
)

func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			tr := openLog(b, b.TempDir())
			defer func() { require.NoError(b, tr.Close()) }()
			require.NoError(b, tr.Ensure(b.Context(), mq.Topic{Name: "topic"}))
			b.SetParallelism(max(1, callers/4))
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := tr.Publisher().Publish("topic", message.NewMessage("uuid", make([]byte, 200))); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkThrough publishes in batches, as the gateway does, and acknowledges
// what arrives.
func BenchmarkThrough(b *testing.B) {
	for _, run := range []int{1, 64} {
		b.Run(fmt.Sprintf("run=%d", run), func(b *testing.B) {
			tr := openLog(b, b.TempDir())
			defer func() { require.NoError(b, tr.Close()) }()
			mqtest.Through(b, tr, run)
		})
	}
}
