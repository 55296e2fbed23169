package kafka_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
	"github.com/gochat/gochat/infra/mq/mqtest"
)

func config(tb testing.TB) kafka.Config {
	tb.Helper()
	brokers := os.Getenv("GOCHAT_TEST_KAFKA_BROKERS")
	if brokers == "" {
		tb.Skip("GOCHAT_TEST_KAFKA_BROKERS names no Kafka")
	}
	cfg := kafka.DefaultConfig()
	cfg.Brokers = strings.Split(brokers, ",")
	cfg.SessionTimeout = 6 * time.Second
	return cfg
}

func open(tb testing.TB, dir string) mq.Transport {
	tb.Helper()
	t, err := kafka.Open(tb.Context(), config(tb), zaptest.NewLogger(tb))
	require.NoError(tb, err)
	return mqtest.Prefixed(t, dir)
}

func TestConformance(t *testing.T) {
	config(t)
	mqtest.Run(t, mqtest.Driver{Open: open, Durable: true, Shared: true})
}
