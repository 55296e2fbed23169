package walog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/mqtest"
	"github.com/gochat/gochat/infra/mq/stream"
	"github.com/gochat/gochat/infra/mq/walog"
)

func TestMain(m *testing.M) {
	mqtest.Child(func(dir string) (mq.Transport, error) {
		return walog.Open(walog.Config{Dir: dir, SegmentBytes: 1 << 20, Stream: stream.Config{
			FlushEvery: 5 * time.Millisecond, TruncateEvery: 20 * time.Millisecond, RetainBytes: 1,
		}}, zap.NewNop())
	})
	goleak.VerifyTestMain(m)
}

func openLog(tb testing.TB, dir string) *stream.Stream {
	tb.Helper()
	s, err := walog.Open(walog.Config{Dir: dir, SegmentBytes: 1 << 20}, zap.NewNop())
	require.NoError(tb, err)
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	d := mqtest.Driver{Durable: true, Open: func(tb testing.TB, dir string) mq.Transport {
		tb.Helper()
		return openLog(tb, dir)
	}}
	mqtest.Run(t, d)
	mqtest.RunProcesses(t, d)
}
