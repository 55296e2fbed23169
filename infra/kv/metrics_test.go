package kv_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/kv"
)

// figures are the values of a client's metrics by name and labels; for a histogram, its number of
// observations.
func figures(t *testing.T, of prometheus.Collector) map[string]float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	require.NoError(t, reg.Register(of))
	families, err := reg.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

func TestCommandsAreMeasured(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"info server": info("7.0.1", "standalone"), "info replication": bulk("role:master\r\n"), "hset": ":1\r\n",
		"get a": bulk("1"), "get nothing": "$-1\r\n", "get b": "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
	}
	cfg := kv.DefaultConfig()
	cfg.Addrs = []string{fake(t, answers)}
	c, err := kv.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, c.Close()) }()
	require.NoError(t, c.Set(t.Context(), "a", "1", time.Hour).Err())
	require.NoError(t, c.HSet(t.Context(), "b", "field", "1").Err())
	require.ErrorIs(t, c.Get(t.Context(), "nothing").Err(), redis.Nil)
	require.Error(t, c.Get(t.Context(), "b").Err(), "it is a hash")
	_, err = c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Get(t.Context(), "a")
		p.Get(t.Context(), "a")
		return nil
	})
	require.NoError(t, err)
	got := figures(t, c)
	for name, want := range map[string]float64{
		"gochat_repo_redis_command_seconds set ok": 1, "gochat_repo_redis_command_seconds get ok": 1,
		"gochat_repo_redis_command_seconds get error": 1, "gochat_repo_redis_command_seconds pipeline ok": 1,
	} {
		assert.InDelta(t, want, got[name], 0, name)
	}
	assert.Positive(t, got["gochat_repo_redis_connections_max"])
	assert.Positive(t, got["gochat_repo_redis_connections idle"])
}

// TestServersAreAskedWhatTheyHold: a server's memory and keys are among the metrics; a server that does not
// answer has no figures.
func TestServersAreAskedWhatTheyHold(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"info server": info("7.0.1", "standalone"), "info replication": bulk("role:master\r\n"),
		"dbsize": ":12\r\n", "info memory": bulk("used_memory:1000\r\nmaxmemory:4000\r\n"), "info stats": bulk("evicted_keys:5\r\n"),
	}
	addr := fake(t, answers)
	cfg := kv.DefaultConfig()
	cfg.Addrs, cfg.PoolSize = []string{addr}, 3
	c, err := kv.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, c.Close()) }()
	got := figures(t, c)
	for name, want := range map[string]float64{"keys": 12, "memory_bytes": 1000, "memory_max_bytes": 4000, "evicted_keys_total": 5} {
		assert.InDelta(t, want, got["gochat_repo_redis_"+name+" "+addr], 0, name)
	}
	assert.InDelta(t, 3, got["gochat_repo_redis_connections_max"], 0)

	silent := fake(t, map[string]string{
		"info server": info("7.0.1", "standalone"), "info replication": bulk("role:master\r\n"), "dbsize": "-NOPERM no\r\n",
	})
	cfg.Addrs = []string{silent}
	mute, err := kv.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, mute.Close()) }()
	assert.NotContains(t, figures(t, mute), "gochat_repo_redis_keys "+silent)
}
