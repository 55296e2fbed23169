package redisstream

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	good := func() Config {
		c := DefaultConfig()
		c.Addrs = []string{"127.0.0.1:6379"}
		return c
	}
	require.NoError(t, good().Validate())
	for setting, spoil := range map[string]func(*Config){
		"mq.redisstream.addrs":           func(c *Config) { c.Addrs = nil },
		"mq.redisstream.master_name":     func(c *Config) { c.Addrs = []string{"a:1", "b:1"} },
		"mq.redisstream.prefix":          func(c *Config) { c.Prefix = "" },
		"mq.redisstream.shards":          func(c *Config) { c.Shards = 0 },
		"mq.redisstream.lease":           func(c *Config) { c.Lease = time.Millisecond },
		"mq.redisstream.retain":          func(c *Config) { c.Retain = -1 },
		"mq.redisstream.timeout":         func(c *Config) { c.Timeout = 0 },
		"mq.redisstream.publish_timeout": func(c *Config) { c.PublishTimeout = 0 },
		"mq.redisstream.wait_replicas":   func(c *Config) { c.WaitReplicas = -1 },
		"mq.redisstream.pool_size":       func(c *Config) { c.PoolSize = -1 },
		"mq.redisstream.tls":             func(c *Config) { c.TLS.Cert = "cert.pem" },
	} {
		c := good()
		spoil(&c)
		err := c.Validate()
		require.Error(t, err, setting)
		// publish_timeout is named together with timeout.
		assert.Contains(t, err.Error(), strings.TrimPrefix(setting, "mq.redisstream."), setting)
		assert.Contains(t, err.Error(), "mq.redisstream.")
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	addr := os.Getenv("GOCHAT_TEST_REDIS_STREAM_ADDR")
	nodes := os.Getenv("GOCHAT_TEST_REDIS_CLUSTER_ADDRS")
	old := impostor(t, "redis_version:6.0.16\r\n")
	for name, c := range map[string]struct {
		needs  string
		change func(*Config)
		want   []string
	}{
		"nobody there":                  {"-", func(c *Config) { c.Addrs = []string{"127.0.0.1:1"} }, []string{"127.0.0.1:1", "mq.redisstream.addrs"}},
		"an old server":                 {"-", func(c *Config) { c.Addrs = []string{old} }, []string{old, "6.0.16", "at least 6.2", "mq.redisstream.addrs"}},
		"a stranger":                    {addr, func(c *Config) { c.Username, c.Password = "nobody", "hunter2" }, []string{addr, "mq.redisstream.username"}},
		"a cluster":                     {nodes, func(c *Config) { c.Addrs = strings.Split(nodes, ",")[:1] }, []string{"cluster", "mq.redisstream.addrs"}},
		"no such master":                {addr, func(c *Config) { c.MasterName = "gochat" }, []string{"mq.redisstream.addrs", "master_name"}},
		"no CA":                         {"-", func(c *Config) { c.TLS.Enabled, c.TLS.CA = true, "/nowhere" }, []string{"mq.redisstream.tls.ca"}},
		"TLS to a server that has none": {addr, func(c *Config) { c.TLS.Enabled = true }, []string{addr, "mq.redisstream.tls"}},
		"settings that make no sense":   {"-", func(c *Config) { c.Shards, c.Lease = 0, 0 }, []string{"mq.redisstream.shards", "mq.redisstream.lease"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.needs == "" {
				t.Skip("GOCHAT_TEST_REDIS_STREAM_ADDR or GOCHAT_TEST_REDIS_CLUSTER_ADDRS names no Redis")
			}
			cfg := DefaultConfig()
			cfg.Addrs, cfg.Timeout = []string{addr}, time.Second
			if addr == "" {
				cfg.Addrs = []string{"127.0.0.1:6379"}
			}
			c.change(&cfg)
			_, err := Open(t.Context(), cfg, zap.NewNop())
			require.Error(t, err)
			for _, w := range c.want {
				assert.Contains(t, err.Error(), w)
			}
			assert.NotContains(t, err.Error(), "hunter2")
			assert.NotContains(t, err.Error(), "\n\n")
		})
	}
}

// TestWarnings: a server that forgets or evicts is used, but not without a word.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const good = "redis_version:7.0.15\r\naof_enabled:1\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n"
	for name, c := range map[string]struct {
		info string
		want string
	}{
		"fit for it":         {good, ""},
		"forgets":            {strings.Replace(good, "aof_enabled:1", "aof_enabled:0", 1), "appendonly yes"},
		"evicts":             {strings.Replace(good, "noeviction", "allkeys-lru", 1), "noeviction"},
		"has room for all":   {"redis_version:7.0.15\r\naof_enabled:1\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", ""},
		"of a new numbering": {strings.Replace(good, "7.0.15", "nightly", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			core, logs := observer.New(zapcore.WarnLevel)
			cfg := DefaultConfig()
			cfg.Addrs = []string{impostor(t, c.info)}
			tr, err := Open(t.Context(), cfg, zap.New(core))
			require.NoError(t, err)
			require.NoError(t, tr.Close())
			if c.want == "" {
				assert.Zero(t, logs.Len())
				return
			}
			require.Equal(t, 1, logs.Len())
			assert.Contains(t, logs.All()[0].Message, c.want)
		})
	}
}
