package redisstream_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/mqtest"
	"github.com/gochat/gochat/infra/mq/redisstream"
)

func config(tb testing.TB) redisstream.Config {
	tb.Helper()
	addr := os.Getenv("GOCHAT_TEST_REDIS_STREAM_ADDR")
	if addr == "" {
		tb.Skip("GOCHAT_TEST_REDIS_STREAM_ADDR names no Redis")
	}
	cfg := redisstream.DefaultConfig()
	cfg.Addrs = []string{addr}
	cfg.Lease = 2 * time.Second
	return cfg
}

func open(tb testing.TB, dir string) mq.Transport {
	tb.Helper()
	t, err := redisstream.Open(tb.Context(), config(tb), zaptest.NewLogger(tb))
	require.NoError(tb, err)
	return mqtest.Prefixed(t, dir)
}

func TestConformance(t *testing.T) {
	config(t)
	mqtest.Run(t, mqtest.Driver{Open: open, Durable: true, Shared: true})
}
