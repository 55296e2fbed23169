package rediscache_test

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

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

// TestWhatDeadGatewaysLeftCannotBeTakenAway: when sessions of dead gateways cannot be removed, sessions
// are put all the same, and the next puts do not try to remove them for a while.
func TestWhatDeadGatewaysLeftCannotBeTakenAway(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"exists", "hdel"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			rdb, _ := openRedis(t)
			hook := &refusing{command: command}
			rdb.AddHook(hook)
			at := cachetest.NewClock()
			s := rediscache.NewSessions(rdb, at.Now)
			t.Cleanup(s.Close)
			session := func(gateway, connection string) cache.Session {
				return cache.Session{UserID: 1, ConnectionID: connection, GatewayID: gateway, LoginAt: 1}
			}
			put := func(connection string) error {
				return s.Put(t.Context(), []cache.Session{session("lives", connection)})
			}
			entries := func() []string {
				all, err := rdb.HGetAll(t.Context(), "user_session:{1}").Result()
				require.NoError(t, err)
				return slices.Sorted(maps.Keys(all))
			}
			require.NoError(t, s.Put(t.Context(), []cache.Session{session("dead", "left")}))
			require.NoError(t, put("one"))
			at.Move(time.Minute)

			hook.refuses.Store(true)
			require.ErrorIs(t, put("two"), cache.ErrNotSwept)
			asked := hook.asked.Load()
			require.NoError(t, put("three"))
			require.Equal(t, asked, hook.asked.Load(), "it is left alone")
			require.Equal(t, []string{"left", "one", "three", "two"}, entries())

			hook.refuses.Store(false)
			at.Move(time.Minute)
			require.NoError(t, put("four"))
			require.Equal(t, []string{"four", "one", "three", "two"}, entries())
		})
	}
}
