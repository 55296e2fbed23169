package rediscache_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/kv"
	rediscache "github.com/gochat/gochat/repo/cache/redis"
)

// pulled is a Redis whose plug can be pulled: no command reaches it, or none is
// answered.
type pulled struct {
	away, hangs atomic.Bool
	asked       atomic.Int64 // without pings
	pings       atomic.Int64
}

func (p *pulled) stop(ctx context.Context, what string) error {
	if what == "ping" {
		p.pings.Add(1)
	} else {
		p.asked.Add(1)
	}
	switch {
	case p.away.Load():
		return &net.OpError{Op: "dial", Err: net.ErrClosed}
	case p.hangs.Load():
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (p *pulled) DialHook(next redis.DialHook) redis.DialHook { return next }

func (p *pulled) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := p.stop(ctx, cmd.Name()); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (p *pulled) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := p.stop(ctx, "pipeline"); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

func openRedis(t *testing.T) (redis.UniversalClient, *pulled) {
	t.Helper()
	c, err := kv.Open(t.Context(), kv.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	plug := &pulled{}
	c.AddHook(plug)
	return c, plug
}

// clock is a time that a test moves.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(1_800_000_000_000)
	return c
}

func (c *clock) now() time.Time       { return time.UnixMilli(c.ms.Load()) }
func (c *clock) move(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// told is what each gateway was told last by each registry that holds sessions.
var told sync.Map

type toldKey struct {
	s       *rediscache.Sessions
	gateway string
}

// tryBeat is of a gateway that has put all its sessions since its last beat.
func tryBeat(t *testing.T, s *rediscache.Sessions, gateway string, ready bool) (fresh bool, err error) {
	t.Helper()
	last, _ := told.LoadOrStore(toldKey{s, gateway}, "")
	at, _ := last.(string)
	heard, err := s.Beat(t.Context(), gateway, rediscache.Beat{Ready: ready, PutAt: &at})
	if err == nil {
		told.Store(toldKey{s, gateway}, heard.At)
	}
	return heard.Fresh, err
}

func beat(t *testing.T, s *rediscache.Sessions, gateway string, ready bool) (fresh bool) {
	t.Helper()
	fresh, err := tryBeat(t, s, gateway, ready)
	require.NoError(t, err)
	return fresh
}

func put(t *testing.T, s *rediscache.Sessions, gateway string, user int64) rediscache.Session {
	t.Helper()
	one := rediscache.Session{UserID: user, ConnectionID: gateway + "-c", GatewayID: gateway, DeviceID: "d|e", LoginAt: 1}
	require.NoError(t, s.Put(t.Context(), []rediscache.Session{one}))
	return one
}

// join brings a gateway with one user into the registry, as gateways do.
func join(t *testing.T, s *rediscache.Sessions, gateway string, user int64) rediscache.Session {
	t.Helper()
	require.True(t, beat(t, s, gateway, true))
	one := put(t, s, gateway, user)
	require.False(t, beat(t, s, gateway, true))
	return one
}

func precisely(gateway string, users ...int64) map[string][]int64 {
	return map[string][]int64{gateway: users}
}

// TestLossOfRedisLosesNoRecipient: the list of live gateways is believed for a
// second, and still no recipient is lost when Redis is emptied within it.
func TestLossOfRedisLosesNoRecipient(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	s := rediscache.NewSessions(rdb, newClock().now)
	join(t, s, "a", 1)
	join(t, s, "b", 2)
	got := s.Locate(t.Context(), []int64{1, 2, 3})
	assert.Equal(t, map[string][]int64{"a": {1}, "b": {2}}, got.Gateways)
	assert.Empty(t, got.Every)

	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	got = s.Locate(t.Context(), []int64{1, 2})
	assert.Empty(t, got.Gateways)
	assert.Equal(t, []string{"a", "b"}, got.Every)

	assert.True(t, beat(t, s, "a", true), "a is to say everything again")
	got = s.Locate(t.Context(), []int64{1})
	assert.Equal(t, []string{"a", "b"}, got.Every, "not ready before it has")
	put(t, s, "a", 1)
	assert.False(t, beat(t, s, "a", true))
	got = s.Locate(t.Context(), []int64{1, 2})
	assert.Equal(t, precisely("a", 1), got.Gateways)
	assert.Equal(t, []string{"b"}, got.Every, "b has not beaten since")
	assert.Equal(t, []string{"a", "b"}, s.Live(t.Context()))
}

func TestRedisAwayLosesNoRecipient(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := newClock()
	s := rediscache.NewSessions(rdb, at.now)
	join(t, s, "a", 1)
	require.Empty(t, s.Locate(t.Context(), []int64{1}).Every)
	plug.away.Store(true)
	for range 3 { // within the second in which the list is believed, and after it
		got := s.Locate(t.Context(), []int64{1})
		assert.Empty(t, got.Gateways)
		assert.Equal(t, []string{"a"}, got.Every)
		at.move(700 * time.Millisecond)
	}
	_, err := tryBeat(t, s, "a", true)
	require.Error(t, err)
}

// TestAnotherProcessLearnsOfAGateway that joined while it believed its list.
func TestAnotherProcessLearnsOfAGateway(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := newClock()
	one, other := rediscache.NewSessions(rdb, at.now), rediscache.NewSessions(rdb, at.now)
	join(t, one, "a", 1)
	require.Equal(t, precisely("a", 1), other.Locate(t.Context(), []int64{1}).Gateways)
	join(t, one, "b", 2)
	assert.Equal(t, precisely("b", 2), other.Locate(t.Context(), []int64{2}).Gateways)

	put(t, one, "dead", 3) // and who never beat is not asked about each time
	assert.Empty(t, other.Locate(t.Context(), []int64{3}).Gateways)
	before := plug.asked.Load()
	for range 10 {
		assert.Empty(t, other.Locate(t.Context(), []int64{3}).Gateways)
	}
	assert.EqualValues(t, 10, plug.asked.Load()-before, "one round trip each")
}

func TestGatewaysGoAway(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	at := newClock()
	s := rediscache.NewSessions(rdb, at.now)
	join(t, s, "a", 1)
	join(t, s, "b", 2)
	require.NoError(t, s.Leave(t.Context(), "a"))
	assert.Equal(t, []string{"b"}, s.Live(t.Context()))
	assert.Empty(t, s.Locate(t.Context(), []int64{1}).Gateways)

	at.move(13 * time.Second) // b has not beaten: dead, or Redis lost it
	assert.Equal(t, []string{"b"}, s.Locate(t.Context(), []int64{2}).Every)
	at.move(12 * time.Second)
	assert.Empty(t, s.Locate(t.Context(), []int64{2}).Every)
	assert.Empty(t, s.Live(t.Context()))
}

func TestLateRemovalTakesNoNewerSession(t *testing.T) {
	t.Parallel()
	rdb, _ := openRedis(t)
	s := rediscache.NewSessions(rdb, newClock().now)
	one := join(t, s, "a", 1)
	older := one
	older.LoginAt--
	require.NoError(t, s.Remove(t.Context(), older))
	assert.Equal(t, precisely("a", 1), s.Locate(t.Context(), []int64{1}).Gateways)
	require.NoError(t, s.Remove(t.Context(), one))
	assert.Empty(t, s.Locate(t.Context(), []int64{1}).Gateways)
}

// TestCrowds: of many users those who are not connected are left out, and nobody who is,
// whoever put the session, whenever Redis was emptied.
func TestCrowds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, rdb redis.UniversalClient, _ *rediscache.Cache, ns string) {
		one, two := rediscache.NewSessions(rdb, time.Now), rediscache.NewSessions(rdb, time.Now)
		t.Cleanup(one.Close)
		t.Cleanup(two.Close)
		gw := ns + "gw"
		base := time.Now().UnixNano() / 1000
		crowd := make([]int64, 1000)
		for i := range crowd {
			crowd[i] = base + int64(i)
		}
		beat := func(ready bool) { beat(t, one, gw, ready) }
		put := func(s *rediscache.Sessions, users ...int64) {
			list := make([]rediscache.Session, len(users))
			for i, u := range users {
				list[i] = rediscache.Session{UserID: u, ConnectionID: "c", GatewayID: gw, LoginAt: 1}
			}
			require.NoError(t, s.Put(t.Context(), list))
		}
		located := func(s *rediscache.Sessions) []int64 { return s.Locate(t.Context(), crowd).Gateways[gw] }
		beat(true)
		put(one, crowd[10], crowd[20])
		beat(true)
		require.Eventually(t, func() bool { return len(located(two)) == 2 }, time.Minute, 10*time.Millisecond)
		put(one, crowd[5])
		assert.Equal(t, []int64{crowd[5], crowd[10], crowd[20]}, located(two), "who has just come is there")
		require.NoError(t, one.Remove(t.Context(), rediscache.Session{UserID: crowd[10], ConnectionID: "c", GatewayID: gw, LoginAt: 1}))
		assert.Equal(t, []int64{crowd[5], crowd[20]}, located(two), "who has gone is not")
		put(two, crowd[10])
		assert.Equal(t, []int64{crowd[5], crowd[10], crowd[20]}, located(two))

		if !strings.HasSuffix(t.Name(), "/embedded") {
			return // others use that Redis, too
		}
		require.NoError(t, rdb.FlushDB(t.Context()).Err())
		beat(true)
		put(one, crowd[5], crowd[30])
		beat(true)
		require.Eventually(t, func() bool {
			found := two.Locate(t.Context(), crowd)
			return len(found.Gateways[gw]) == 2 || len(found.Every) > 0
		}, time.Minute, 10*time.Millisecond, "an emptied Redis loses nobody")
		require.Eventually(t, func() bool { return len(located(two)) == 2 }, time.Minute, 10*time.Millisecond)
	})
}

// TestCrowdsCostLittle: Redis is asked for the sessions of those only who may be connected.
func TestCrowdsCostLittle(t *testing.T) {
	t.Parallel()
	client, err := kv.Open(t.Context(), kv.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	rdb := client.UniversalClient
	counter := &commands{}
	rdb.AddHook(counter)
	s := rediscache.NewSessions(rdb, time.Now)
	t.Cleanup(s.Close)
	beat(t, s, "gw", true)
	crowd := make([]int64, 5000)
	for i := range crowd {
		crowd[i] = int64(i + 1)
	}
	require.NoError(t, s.Put(t.Context(), []rediscache.Session{{UserID: 7, ConnectionID: "c", GatewayID: "gw", LoginAt: 1}}))
	beat(t, s, "gw", true)
	counter.n.Store(0)
	assert.Equal(t, []int64{7}, s.Locate(t.Context(), crowd).Gateways["gw"])
	assert.Less(t, counter.n.Load(), int64(20), "commands for 5,000 users of whom one is connected")
}

// commands counts what Redis is asked.
type commands struct{ n atomic.Int64 }

func (c *commands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}

// TestRedisAwayForLong: however long Redis is away, gateways that go on beating get
// everything, and so do those that Redis knew before and nobody said are gone.
func TestRedisAwayForLong(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := newClock()
	s := rediscache.NewSessions(rdb, at.now)
	t.Cleanup(s.Close)
	join(t, s, "a", 1)
	join(t, s, "beats elsewhere", 2)
	both := []string{"a", "beats elsewhere"}
	plug.away.Store(true)
	for range 40 {
		at.move(3 * time.Second)
		_, err := tryBeat(t, s, "a", true)
		require.Error(t, err)
		assert.Equal(t, both, s.Locate(t.Context(), []int64{1}).Every)
		assert.Equal(t, both, s.Live(t.Context()))
	}
	// Redis is back and knows nobody. Who does not beat in time is gone.
	plug.away.Store(false)
	require.Eventually(t, func() bool {
		at.move(time.Second)
		_, err := tryBeat(t, s, "a", true)
		require.NoError(t, err)
		return len(s.Locate(t.Context(), []int64{1}).Gateways) > 0
	}, 10*time.Second, 10*time.Millisecond)
	assert.Contains(t, s.Live(t.Context()), "beats elsewhere")
	for range 3 {
		at.move(9 * time.Second)
		beat(t, s, "a", true)
	}
	assert.Equal(t, []string{"a"}, s.Live(t.Context()))
}

// TestWitness: whom another way than Redis names lives, and who vanishes there is gone
// although Redis says nothing.
func TestWitness(t *testing.T) {
	t.Parallel()
	rdb, plug := openRedis(t)
	at := newClock()
	s := rediscache.NewSessions(rdb, at.now)
	t.Cleanup(s.Close)
	var mu sync.Mutex
	live := []string{"a", "b"}
	s.Witness(func() []string {
		mu.Lock()
		defer mu.Unlock()
		return live
	})
	join(t, s, "a", 1)
	got := s.Locate(t.Context(), []int64{1})
	assert.Equal(t, precisely("a", 1), got.Gateways)
	assert.Equal(t, []string{"b"}, got.Every, "it lives and Redis does not know it")

	plug.away.Store(true)
	for range 40 {
		at.move(3 * time.Second)
		assert.Equal(t, []string{"a", "b"}, s.Locate(t.Context(), []int64{1}).Every)
	}
	mu.Lock()
	live = []string{"b"}
	mu.Unlock()
	at.move(seenForTest)
	assert.Equal(t, []string{"b"}, s.Live(t.Context()))
}

// seenForTest is longer than a gateway that has vanished counts as perhaps live.
const seenForTest = 25 * time.Second

// TestPutForgetsWhatDeadGatewaysLeft: a user who is always connected keeps no entry of each
// gateway that there ever was; whoever lives keeps everything.
func TestPutForgetsWhatDeadGatewaysLeft(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, rdb redis.UniversalClient, _ *rediscache.Cache, ns string) {
		at := newClock()
		s := rediscache.NewSessions(rdb, at.now)
		t.Cleanup(s.Close)
		user := rand.Int64N(1 << 40)
		key := fmt.Sprintf("user_session:{%d}", user)
		put := func(gateway, connection string) {
			t.Helper()
			require.NoError(t, s.Put(t.Context(), []rediscache.Session{{UserID: user, ConnectionID: connection, GatewayID: ns + gateway, LoginAt: 1, DeviceID: "p|q"}}))
		}
		entries := func() []string {
			all, err := rdb.HGetAll(t.Context(), key).Result()
			require.NoError(t, err)
			return slices.Sorted(maps.Keys(all))
		}
		beat(t, s, ns+"lives", true)
		beat(t, s, ns+"other", true)
		for i := range 100 {
			put(fmt.Sprint("dead", i), fmt.Sprint("c", i))
		}
		put("lives", "mine")
		put("other", "theirs")
		require.Len(t, entries(), 102, "who is unknown for a moment may have been forgotten")
		at.move(time.Minute)
		put("lives", "mine")
		assert.Equal(t, []string{"mine", "theirs"}, entries())

		put("back", "again")
		put("lives", "mine")
		at.move(time.Minute)
		beat(t, s, ns+"back", true)
		put("lives", "mine")
		assert.Equal(t, []string{"again", "mine", "theirs"}, entries(), "it lives after all")
	})
}
