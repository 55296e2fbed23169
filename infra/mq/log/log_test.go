package walog_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	walog "github.com/gochat/gochat/infra/mq/log"
	"github.com/gochat/gochat/infra/mq/mqtest"
	"github.com/gochat/gochat/infra/mq/stream"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
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
	mqtest.Run(t, mqtest.Driver{Durable: true, Open: func(tb testing.TB, dir string) mq.Transport {
		tb.Helper()
		return openLog(tb, dir)
	}})
}
