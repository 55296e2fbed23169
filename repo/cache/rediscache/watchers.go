package rediscache

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
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
	entry := redis.Z{Score: float64(now.Add(cache.WatchFor).UnixMilli()), Member: gateway}
	for chunk := range slices.Chunk(users, presentRun) {
		err := s.guard.do(ctx, func(ctx context.Context) error {
			pipe := s.rdb.Pipeline()
			for _, user := range chunk {
				key := watchersKey(user)
				pipe.ZAdd(ctx, key, entry)
				// Gateways have another id after each start, so that those that are gone would pile up.
				pipe.ZRemRangeByScore(ctx, key, "-inf", milli(now))
				pipe.Expire(ctx, key, cache.WatchFor)
			}
			_, err := pipe.Exec(ctx)
			return err
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
		err := s.guard.do(ctx, func(ctx context.Context) error {
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
