package kafka_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
	"github.com/gochat/gochat/infra/mq/mqtest"
)

func config(tb testing.TB) kafka.Config {
	tb.Helper()
	cfg, err := fromEnvironment()
	if err != nil {
		tb.Skip(err)
	}
	return cfg
}

func fromEnvironment() (kafka.Config, error) {
	cfg := kafka.DefaultConfig()
	brokers := os.Getenv("GOCHAT_TEST_KAFKA_BROKERS")
	if brokers == "" {
		return cfg, errors.New("GOCHAT_TEST_KAFKA_BROKERS names no Kafka")
	}
	cfg.Brokers = strings.Split(brokers, ",")
	cfg.SessionTimeout = 6 * time.Second
	return cfg, nil
}

func open(tb testing.TB, dir string) mq.Transport {
	tb.Helper()
	t, err := kafka.Open(tb.Context(), config(tb), zaptest.NewLogger(tb))
	require.NoError(tb, err)
	return mqtest.Prefixed(t, dir)
}

func TestMain(m *testing.M) {
	mqtest.Main(m, func(dir string) (mq.Transport, error) {
		cfg, err := fromEnvironment()
		if err != nil {
			return nil, err
		}
		t, err := kafka.Open(context.Background(), cfg, zap.NewNop())
		return mqtest.Prefixed(t, dir), err
	})
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	config(t)
	mqtest.RunProcesses(t, mqtest.Driver{Open: open, Durable: true, Shared: true})
}

func TestConformance(t *testing.T) {
	t.Parallel()
	config(t)
	mqtest.Run(t, mqtest.Driver{Open: open, Durable: true, Shared: true})
}

// quiet logs nothing that a test's end could race with.
func quiet(tb testing.TB) *zap.Logger {
	tb.Helper()
	return zaptest.NewLogger(tb, zaptest.Level(zap.ErrorLevel))
}
