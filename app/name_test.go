package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/lifecycle"
	"github.com/gochat/gochat/infra/registry"
)

// TestANameIsOneProcess: without a registry, a second process of this host with the same name on
// the same queue is refused while the first one lives.
func TestANameIsOneProcess(t *testing.T) {
	t.Parallel()
	start := func(name, broker string) (*App, error) {
		cfg := DefaultConfig()
		cfg.Name, cfg.MQ.Driver, cfg.MQ.Kafka.Brokers = name, DriverKafka, []string{broker}
		a := &App{cfg: cfg, name: name, stack: lifecycle.New(context.WithoutCancel(t.Context()))}
		return a, a.nameAlone()
	}
	end := func(a *App) { assert.NoError(t, a.stack.Stop(time.Minute)) }
	queue := strings.ReplaceAll(t.TempDir(), "/", "-")
	first, err := start("x", queue)
	require.NoError(t, err)
	assert.Equal(t, "x", first.slot)
	second, err := start("x", queue)
	require.ErrorIs(t, err, registry.ErrNameTaken)
	require.ErrorContains(t, err, "GOCHAT_NAME")
	end(second)
	for _, other := range [][2]string{{"y", queue}, {"x", queue + "2"}} {
		a, err := start(other[0], other[1])
		require.NoError(t, err)
		end(a)
	}
	end(first)
	again, err := start("x", queue)
	require.NoError(t, err)
	end(again)
}
