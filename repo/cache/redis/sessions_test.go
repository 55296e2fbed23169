package rediscache_test

import (
	"context"
	"net"
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

func beat(t *testing.T, s *rediscache.Sessions, gateway string, ready bool) bool {
	t.Helper()
	fresh, err := s.Beat(t.Context(), gateway, ready)
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
	_, err := s.Beat(t.Context(), "a", true)
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

	at.move(16 * time.Second) // b has not beaten: dead, or Redis lost it
	assert.Equal(t, []string{"b"}, s.Locate(t.Context(), []int64{2}).Every)
	at.move(15 * time.Second)
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
