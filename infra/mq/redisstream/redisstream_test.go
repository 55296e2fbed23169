package redisstream_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/mqtest"
	"github.com/gochat/gochat/infra/mq/redisstream"
)

// prefix is what the keys of a run of these tests begin with, those of its children
// too.
const prefix = "GOCHAT_TEST_REDIS_STREAM_PREFIX"

func TestMain(m *testing.M) {
	if os.Getenv(prefix) == "" {
		if err := os.Setenv(prefix, "test-"+watermill.NewShortUUID()); err != nil {
			panic(err)
		}
	}
	mqtest.Main(m, func(dir string) (mq.Transport, error) {
		cfg, err := fromEnvironment()
		if err != nil {
			return nil, err
		}
		t, err := redisstream.Open(context.Background(), cfg, zap.NewNop())
		return mqtest.Prefixed(t, dir), err
	})
}

func fromEnvironment() (redisstream.Config, error) {
	cfg := redisstream.DefaultConfig()
	addr := os.Getenv("GOCHAT_TEST_REDIS_STREAM_ADDR")
	if addr == "" {
		return cfg, errors.New("GOCHAT_TEST_REDIS_STREAM_ADDR names no Redis")
	}
	cfg.Addrs, cfg.Prefix, cfg.Lease = []string{addr}, os.Getenv(prefix), 2*time.Second
	return cfg, nil
}

func open(tb testing.TB, dir string) mq.Transport {
	tb.Helper()
	cfg, err := fromEnvironment()
	require.NoError(tb, err)
	t, err := redisstream.Open(tb.Context(), cfg, zaptest.NewLogger(tb, zaptest.Level(zap.WarnLevel)))
	require.NoError(tb, err)
	return mqtest.Prefixed(t, dir)
}

func driver(t *testing.T) mqtest.Driver {
	t.Helper()
	cfg, err := fromEnvironment()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { sweep(t, cfg) })
	return mqtest.Driver{Open: open, Durable: true, Shared: true}
}

// sweep removes what tests left behind.
func sweep(t *testing.T, cfg redisstream.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rdb := redis.NewClient(&redis.Options{Addr: cfg.Addrs[0]})
	defer func() { assert.NoError(t, rdb.Close()) }()
	keys := rdb.Scan(ctx, 0, cfg.Prefix+":*", 1000).Iterator()
	for keys.Next(ctx) {
		assert.NoError(t, rdb.Unlink(ctx, keys.Val()).Err())
	}
	assert.NoError(t, keys.Err())
}

func TestConformance(t *testing.T) { mqtest.Run(t, driver(t)) }

func TestProcesses(t *testing.T) { mqtest.RunProcesses(t, driver(t)) }
