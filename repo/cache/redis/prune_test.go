package rediscache_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache/redis"
)

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

// refusing is a Redis that refuses one command.
type refusing struct {
	command string
	refuses atomic.Bool
	asked   atomic.Int64
}

func (r *refusing) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *refusing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return next(ctx, cmd) }
}

func (r *refusing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if cmd.Name() != r.command {
				continue
			}
			r.asked.Add(1)
			if r.refuses.Load() {
				return context.DeadlineExceeded
			}
		}
		return next(ctx, cmds)
	}
}

// TestWhatDeadGatewaysLeftCannotBeTakenAway: sessions are put all the same, and the next puts
// leave it alone for a while.
func TestWhatDeadGatewaysLeftCannotBeTakenAway(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"exists", "hdel"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			rdb, _ := openRedis(t)
			hook := &refusing{command: command}
			rdb.AddHook(hook)
			at := newClock()
			s := rediscache.NewSessions(rdb, at.now)
			t.Cleanup(s.Close)
			session := func(gateway, connection string) rediscache.Session {
				return rediscache.Session{UserID: 1, ConnectionID: connection, GatewayID: gateway, LoginAt: 1}
			}
			put := func(connection string) error {
				return s.Put(t.Context(), []rediscache.Session{session("lives", connection)})
			}
			entries := func() []string {
				all, err := rdb.HGetAll(t.Context(), "user_session:{1}").Result()
				require.NoError(t, err)
				return slices.Sorted(maps.Keys(all))
			}
			require.NoError(t, s.Put(t.Context(), []rediscache.Session{session("dead", "left")}))
			require.NoError(t, put("one"))
			at.move(time.Minute)

			hook.refuses.Store(true)
			require.ErrorIs(t, put("two"), rediscache.ErrNotSwept)
			asked := hook.asked.Load()
			require.NoError(t, put("three"))
			require.Equal(t, asked, hook.asked.Load(), "it is left alone")
			require.Equal(t, []string{"left", "one", "three", "two"}, entries())

			hook.refuses.Store(false)
			at.move(time.Minute)
			require.NoError(t, put("four"))
			require.Equal(t, []string{"four", "one", "three", "two"}, entries())
		})
	}
}
