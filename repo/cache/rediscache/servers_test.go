package rediscache_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
	"github.com/gochat/gochat/repo/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a kind of Redis, and the variable that says where one is.
type server struct{ name, env string }

var (
	single  = server{"single", "GOCHAT_TEST_REDIS_ADDR"}
	servers = []server{single, {"sentinel", "GOCHAT_TEST_REDIS_SENTINEL_ADDRS"}, {"cluster", "GOCHAT_TEST_REDIS_CLUSTER_ADDRS"}}
)

// open returns a client whose keys are an environment of their own, so that a test sees nobody
// else's and may empty it. Its name starts as those of limits do, which must not be mixed up.
func (s server) open(t testing.TB) *kv.Client {
	t.Helper()
	addrs := os.Getenv(s.env)
	if addrs == "" {
		t.Skip("set " + s.env + " (host:port,host:port,…) to run it on a real Redis")
	}
	cfg := kv.DefaultConfig()
	cfg.Addrs = strings.Split(addrs, ",")
	cfg.Environment = "rate-" + strings.ToLower(rand.Text())
	if s.name == "sentinel" {
		cfg.MasterName = "gochat"
	}
	client, err := kv.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		lose(t, client)
		assert.NoError(t, client.Close())
	})
	return client
}

// names lists the keys of a client, as its commands name them, by node.
func names(t testing.TB, client *kv.Client, each func(ctx context.Context, node redis.Cmdable, name string) error) {
	t.Helper()
	ctx := kv.AsWritten(context.WithoutCancel(t.Context()))
	list := func(ctx context.Context, node redis.Cmdable) error {
		all := node.Scan(ctx, 0, client.Start()+"*", 1000).Iterator()
		for all.Next(ctx) {
			if err := each(ctx, node, all.Val()); err != nil {
				return err
			}
		}
		return all.Err()
	}
	if cluster, ok := client.UniversalClient.(*redis.ClusterClient); ok {
		require.NoError(t, cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return list(ctx, node) }))
		return
	}
	require.NoError(t, list(ctx, client))
}

// lose empties the environment of a client, as a restart of Redis would.
func lose(t testing.TB, client *kv.Client) {
	t.Helper()
	names(t, client, func(ctx context.Context, node redis.Cmdable, name string) error { return node.Unlink(ctx, name).Err() })
}

func TestCache(t *testing.T) {
	t.Parallel()
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			cachetest.RunCache(t, func(t *testing.T) cachetest.Kept { return kept(t, s.open(t)) })
		})
	}
}

func kept(t *testing.T, client *kv.Client) cachetest.Kept {
	t.Helper()
	c := rediscache.New(client.UniversalClient)
	t.Cleanup(c.Close)
	return cachetest.Kept{
		Cache: c,
		Left: func(t *testing.T, k store.ClientKey) time.Duration {
			t.Helper()
			left, err := client.TTL(t.Context(), rediscache.DedupKey(k)).Result()
			require.NoError(t, err)
			return left
		},
		// A bucket's key holds when it is full again, in seconds.
		Pass: func(t *testing.T, d time.Duration, buckets ...string) {
			t.Helper()
			for _, key := range buckets {
				full, err := client.Get(t.Context(), "rate:"+key).Float64()
				require.NoError(t, err)
				require.NoError(t, client.Set(t.Context(), "rate:"+key, full-d.Seconds(), time.Hour).Err())
			}
		},
		Forget: func(t *testing.T) {
			t.Helper()
			_, err := rediscache.Forget(t.Context(), client)
			require.NoError(t, err)
		},
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			cachetest.RunSessions(t, func(t *testing.T, witness func() []string) cachetest.Open { return registry(t, s.open(t), witness) })
		})
	}
}

func registry(t *testing.T, client *kv.Client, witness func() []string) cachetest.Open {
	t.Helper()
	at := cachetest.NewClock()
	own, other := rediscache.NewSessions(client.UniversalClient, at.Now), rediscache.NewSessions(client.UniversalClient, at.Now)
	t.Cleanup(own.Close)
	t.Cleanup(other.Close)
	if witness != nil {
		own.Witness(witness)
	}
	del := func(keys ...string) func(*testing.T, string) {
		return func(t *testing.T, gateway string) {
			t.Helper()
			for _, key := range keys {
				require.NoError(t, client.Del(t.Context(), strings.ReplaceAll(key, "GW", gateway)).Err())
			}
		}
	}
	lost := map[string]func(*testing.T, string){
		"its state ran out":         del("gateway:{GW}"),
		"everything of it was lost": del("gateway:{GW}", "gateway_epochs:{GW}"),
	}
	if _, cluster := client.UniversalClient.(*redis.ClusterClient); !cluster { // where there are several
		lost["what holds the sessions is another"] = del("gateways_epoch")
	}
	return cachetest.Open{
		Sessions: own, Other: other, Clock: at, Losses: lost,
		Recount: func(t *testing.T) {
			t.Helper()
			require.NoError(t, client.Del(t.Context(), countKey).Err())
		},
		Lose: func(t *testing.T) { t.Helper(); lose(t, client) },
	}
}
