package kafka_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
	"github.com/gochat/gochat/infra/mq/mqtest"
)

// TestConformanceOfAnEnvironment: whoever uses the transport sees nothing of it.
func TestConformanceOfAnEnvironment(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Environment = "blue"
	mqtest.Run(t, mqtest.Driver{Durable: true, Shared: true, Open: func(tb testing.TB, dir string) mq.Transport {
		tb.Helper()
		tr, err := kafka.Open(tb.Context(), cfg, quiet(tb))
		require.NoError(tb, err)
		return mqtest.Prefixed(tr, dir)
	}})
}

// TestTopicsOfAnEnvironment lists what is of it alone, by the names that its users have.
func TestTopicsOfAnEnvironment(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Environment = "listed"
	tr, err := kafka.Open(t.Context(), cfg, quiet(t))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, tr.Close()) })
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "a", Partitions: 1}))
	topics, err := tr.Topics(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, topics)
	require.NoError(t, tr.Delete(t.Context(), "a"))
	topics, err = tr.Topics(t.Context())
	require.NoError(t, err)
	assert.Empty(t, topics)
}
