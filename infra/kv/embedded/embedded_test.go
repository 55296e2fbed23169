package embedded_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gochat/gochat/infra/kv/embedded"
	"github.com/gochat/gochat/infra/kv/kvtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(tb testing.TB, cfg embedded.Config) (*embedded.Server, *redis.Client) {
	tb.Helper()
	s := embedded.Start(cfg)
	c := redis.NewClient(&redis.Options{Protocol: 2, DisableIdentity: true, Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return s.Dial(ctx)
	}})
	tb.Cleanup(func() {
		assert.NoError(tb, c.Close())
		assert.NoError(tb, s.Close())
	})
	return s, c
}

func TestAnswersLikeRedis(t *testing.T) {
	t.Parallel()
	_, c := connect(t, embedded.Config{})
	kvtest.Run(t, c)
}

// The tables themselves are held to a real server.
func TestRealRedisAnswersTheSame(t *testing.T) {
	t.Parallel()
	addr := os.Getenv("GOCHAT_TEST_REDIS_ADDR")
	if addr == "" {
		t.Skip("set GOCHAT_TEST_REDIS_ADDR to hold the tables to a real Redis")
	}
	c := redis.NewClient(&redis.Options{Addr: addr, DB: 9, Protocol: 2, DisableIdentity: true})
	defer func() { require.NoError(t, c.Close()) }()
	kvtest.Run(t, c)
}

func TestPipelinesAndTransactions(t *testing.T) {
	t.Parallel()
	_, c := connect(t, embedded.Config{})
	pipe := c.Pipeline()
	for i := range 500 {
		pipe.Set(t.Context(), fmt.Sprint(i), strings.Repeat("x", i), 0)
		pipe.Get(t.Context(), fmt.Sprint(i))
	}
	cmds, err := pipe.Exec(t.Context())
	require.NoError(t, err)
	require.Len(t, cmds, 1000)
	assert.Equal(t, strings.Repeat("x", 499), cmds[999].(*redis.StringCmd).Val())

	tx := c.TxPipeline()
	first, second := tx.Incr(t.Context(), "n"), tx.Incr(t.Context(), "n")
	_, err = tx.Exec(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 2}, []int64{first.Val(), second.Val()})
	require.ErrorContains(t, c.Do(t.Context(), "EXEC").Err(), "without MULTI")
}

func TestExpiredKeysGoAndAreFreed(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Now().UnixMilli())
	s, c := connect(t, embedded.Config{Now: func() time.Time { return time.UnixMilli(now.Load()) }})
	pipe := c.Pipeline()
	for i := range 5000 {
		pipe.Set(t.Context(), fmt.Sprint(i), "v", time.Minute)
	}
	pipe.Set(t.Context(), "stays", "v", time.Hour)
	_, err := pipe.Exec(t.Context())
	require.NoError(t, err)
	now.Add(61_000)
	require.ErrorIs(t, c.Get(t.Context(), "7").Err(), redis.Nil, "gone for readers at once")
	require.Eventually(t, func() bool { return s.Bytes() < 1000 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, c.Get(t.Context(), "stays").Err())
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	s, c := connect(t, embedded.Config{MaxBytes: 100_000, Keep: []string{"kept:"}})
	require.NoError(t, c.Set(t.Context(), "for ever", "v", 0).Err())
	require.NoError(t, c.Set(t.Context(), "kept:1", "v", time.Minute).Err())
	for i := range 2000 {
		require.NoError(t, c.Set(t.Context(), fmt.Sprint(i), "value", time.Hour).Err())
	}
	assert.LessOrEqual(t, s.Bytes(), 100_000)
	assert.NoError(t, c.Get(t.Context(), "for ever").Err(), "what does not expire goes last")
	for i := range 2000 {
		require.NoError(t, c.Set(t.Context(), fmt.Sprint("for ever", i), "value", 0).Err())
	}
	assert.LessOrEqual(t, s.Bytes(), 100_000, "even when nothing expires")
	assert.NoError(t, c.Get(t.Context(), "kept:1").Err(), "what is to be kept is kept, soon due or not")
}

func TestScriptsAreAtomic(t *testing.T) {
	t.Parallel()
	_, c := connect(t, embedded.Config{})
	script := redis.NewScript(`local n = tonumber(redis.call('GET', KEYS[1]) or '0') redis.call('SET', KEYS[1], n + 1) return n + 1`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				assert.NoError(t, script.Run(t.Context(), c, []string{"n"}).Err())
			}
		})
	}
	wg.Wait()
	assert.Equal(t, "800", c.Get(t.Context(), "n").Val())
}

// FuzzCommands: whatever comes, there is an answer.
func FuzzCommands(f *testing.F) {
	for _, seed := range []string{"SET k v EX 1", "ZADD z NX 1 a", "EVAL return~1 0", "ZRANGE z 0 -1 BYSCORE LIMIT 0 1", "HSET", "EXPIRE k 99999999999999999", "SCAN 0 MATCH [", "MULTI", "EXEC"} {
		f.Add(seed)
	}
	_, c := connect(f, embedded.Config{})
	f.Fuzz(func(t *testing.T, command string) {
		if words := strings.Fields(command); len(words) == 0 || strings.EqualFold(words[0], "eval") || strings.EqualFold(words[0], "multi") {
			return // a script may loop for ever; MULTI queues what follows on its connection
		}
		kvtest.Answer(t, c, command)
		require.NoError(t, c.Ping(t.Context()).Err())
	})
}

const allocate = `local out={} for i=1,#KEYS-1 do local got=redis.call('GET',KEYS[i+1]) if got then out[i]=got
	else local n=redis.call('INCR',KEYS[1]) redis.call('SET',KEYS[i+1],n,'EX',86400) out[i]=n end end return out`

func BenchmarkAgainstMiniredis(b *testing.B) {
	_, own := connect(b, embedded.Config{})
	mini := miniredis.RunT(b)
	other := redis.NewClient(&redis.Options{Addr: mini.Addr(), Protocol: 2, DisableIdentity: true})
	defer func() { _ = other.Close() }()
	script := redis.NewScript(allocate)
	for _, server := range []struct {
		name string
		c    *redis.Client
	}{{"embedded", own}, {"miniredis", other}} {
		b.Run("get/"+server.name, func(b *testing.B) {
			for n := 0; n < b.N; n += 50 {
				pipe := server.c.Pipeline()
				for range 50 {
					pipe.Get(b.Context(), "missing")
				}
				_, _ = pipe.Exec(b.Context())
			}
		})
		b.Run("allocate/"+server.name, func(b *testing.B) {
			for n := 0; n < b.N; n += 50 {
				keys := []string{"{conv}"}
				for i := range 50 {
					keys = append(keys, fmt.Sprintf("dedup:{conv}:%d", n+i))
				}
				if err := script.Run(b.Context(), server.c, keys).Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
