package channel_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq/channel"
	"github.com/gochat/gochat/infra/mq/mqtest"
)

// BenchmarkThrough is what the embedded queue costs without a disk, beside the same of the log.
func BenchmarkThrough(b *testing.B) {
	for _, run := range []int{1, 64} {
		b.Run(fmt.Sprintf("run=%d", run), func(b *testing.B) {
			tr, err := channel.Open(zap.NewNop())
			require.NoError(b, err)
			defer func() { require.NoError(b, tr.Close()) }()
			mqtest.Through(b, tr, run)
		})
	}
}
