package rediscache

import (
	"context"
	_ "embed" // the script
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

var (
	//go:embed scripts/watch.lua
	watchSource string

	watchScript = redis.NewScript(watchSource)
)

// watchersKey is a sorted set of the gateways that watch a user, by the time until which they do. It is in the slot of
// the user's sessions: a Redis that loses one of the two loses both, and the gateways' next beats tell them so.
func watchersKey(user int64) string { return "user_watchers:{" + strconv.FormatInt(user, 10) + "}" }

// Watch implements cache.Watchers.
func (s *Sessions) Watch(ctx context.Context, gateway string, users []int64) (told bool, err error) {
	v := s.look(ctx)
	if v.layout == nil {
		return false, fmt.Errorf("watch %d users: %w", len(users), cache.ErrAway)
	}
	now := s.now()
	args := []any{gateway, now.Add(cache.WatchFor).UnixMilli(), now.UnixMilli(), int(cache.WatchFor.Seconds())}
	for chunk := range slices.Chunk(users, presentRun) {
		calls := make([]scriptCall, len(chunk))
		for i, user := range chunk {
			calls[i] = scriptCall{[]string{watchersKey(user)}, args}
		}
		err := s.guard.do(ctx, func(ctx context.Context) error {
			return runAll(ctx, s.rdb, watchScript, calls, func(_ int, cmd *redis.Cmd) error { return cmd.Err() })
		})
		if err != nil {
			return false, fmt.Errorf("watch %d users: %w", len(users), err)
		}
	}
	return !v.mute, nil
}

// Watching implements cache.Watchers.
func (s *Sessions) Watching(ctx context.Context, users []int64) (out map[int64][]string, err error) {
	out = map[int64][]string{}
	now := s.now()
	for chunk := range slices.Chunk(users, presentRun) {
		found := make([]*redis.StringSliceCmd, len(chunk))
		// Not by the guard: a change of which nobody is told stays unknown for minutes.
		err := bounded(ctx, func(ctx context.Context) error {
			pipe := s.rdb.Pipeline()
			for i, user := range chunk {
				found[i] = pipe.ZRangeByScore(ctx, watchersKey(user), &redis.ZRangeBy{Min: "(" + milli(now), Max: "+inf"})
			}
			_, err := pipe.Exec(ctx)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read who watches %d users: %w", len(users), err)
		}
		for i, user := range chunk {
			if list := found[i].Val(); len(list) > 0 {
				slices.Sort(list)
				out[user] = list
			}
		}
	}
	return out, nil
}
