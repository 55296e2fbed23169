package rediscache

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

const (
	// countKey holds how many users are online, for whoever asks soon after.
	countKey = "online_users_count"
	// countSample is how many of the users who may be online are looked at. With this many, 19 of
	// 20 counts are off by less than 1.6 % of the users who may be online.
	countSample = 4000
)

// CountOnline implements cache.Presence. The count is exact while at most countSample users have been
// connected within onlineFor. Of more users it looks at a sample of countSample, spread evenly over
// the times of their last sessions, and extrapolates: the cost does not grow with the users.
func (s *Sessions) CountOnline(ctx context.Context) (int64, error) {
	n, known, err := s.lastCount(ctx)
	if err != nil || known {
		return n, err
	}
	// Every part is checked: one that has lost sessions may hold none of the users in the sample.
	for _, part := range s.look(ctx).parts {
		if part.lacks() {
			return 0, fmt.Errorf("count who is online: %w", cache.ErrPartial)
		}
	}
	may, some, err := s.sample(ctx)
	if err != nil {
		return 0, fmt.Errorf("count who is online: %w", err)
	}
	present, partial, err := s.Present(ctx, some)
	switch {
	case err != nil:
		return 0, fmt.Errorf("count who is online: %w", err)
	case partial:
		return 0, fmt.Errorf("count who is online: %w", cache.ErrPartial)
	}
	n = expected(may, len(some), len(present))
	err = s.guard.do(ctx, func(ctx context.Context) error { return s.rdb.Set(ctx, countKey, n, cache.CountFor).Err() })
	if err != nil {
		return 0, fmt.Errorf("keep how many users are online: %w", err)
	}
	return n, nil
}

// lastCount reads the count that any process has stored within cache.CountFor; known: there is one.
func (s *Sessions) lastCount(ctx context.Context) (n int64, known bool, err error) {
	err = s.guard.do(ctx, func(ctx context.Context) (err error) {
		n, err = s.rdb.Get(ctx, countKey).Int64()
		return err
	})
	if errors.Is(err, redis.Nil) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read how many users are online: %w", err)
	}
	return n, true, nil
}

// expected extrapolates how many of may users are connected when connected of sample users are.
func expected(may int64, sample, connected int) int64 {
	if sample == 0 {
		return 0
	}
	return int64(math.Round(float64(may) * float64(connected) / float64(sample)))
}

// sample returns how many users may be online, and all of these or, when there are more, countSample.
func (s *Sessions) sample(ctx context.Context) (may int64, users []int64, err error) {
	err = s.guard.do(ctx, func(ctx context.Context) (err error) {
		may, err = s.rdb.ZCard(ctx, onlineKey).Result()
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("count who may be online: %w", err)
	}
	for ranks := range slices.Chunk(evenly(may, countSample), presentRun) {
		some, err := s.atRanks(ctx, ranks)
		if err != nil {
			return 0, nil, err
		}
		users = append(users, some...)
	}
	return may, users, nil
}

// evenly returns at most k of the numbers below n: a random one from each of k equal parts. With a
// fixed step, a pattern in the list (every third user on a gateway that is gone) would spoil the sample.
func evenly(n, k int64) []int64 {
	k = min(n, k)
	out := make([]int64, k)
	for i := range k {
		from, to := i*n/k, (i+1)*n/k
		out[i] = from + rand.Int64N(to-from) //nolint:gosec // nobody gains by guessing it
	}
	return out
}

// atRanks reads the users at some ranks of the list of those who may be online.
func (s *Sessions) atRanks(ctx context.Context, ranks []int64) ([]int64, error) {
	found := make([]*redis.StringSliceCmd, len(ranks))
	err := s.guard.do(ctx, func(ctx context.Context) error {
		pipe := s.rdb.Pipeline()
		for i, rank := range ranks {
			found[i] = pipe.ZRange(ctx, onlineKey, rank, rank)
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read who may be online: %w", err)
	}
	users := make([]int64, 0, len(ranks))
	for _, one := range found {
		for _, member := range one.Val() {
			id, err := strconv.ParseInt(member, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read who may be online: %w", err)
			}
			users = append(users, id)
		}
	}
	return users, nil
}
