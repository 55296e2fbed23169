package rediscache

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

var (
	//go:embed scripts/enroll.lua
	enrollSource string

	enrollScript = redis.NewScript(enrollSource)
)

const (
	onlineKey       = "online:{sessions}"
	onlineNumberKey = "online_number:{sessions}"
	// onlineFor is how long a user counts as perhaps online after the last word of a session,
	// which gateways repeat: longer than a session is kept.
	onlineFor = cache.SessionFor + 10*time.Minute
	// crowd is from how many users on it pays to leave out those who cannot be online.
	crowd = 256
	// onlinePage is how many users are read at a time.
	onlinePage = 5000
	// sweepEvery is between two looks for users who are not online any longer.
	sweepEvery = 10 * time.Minute
)

// online knows all users who may be connected: everyone whose session was put within
// onlineFor. Nine of ten members of a large group are not, and to ask for the sessions of
// each of them takes Redis as long as for those of the others. It follows a list in Redis,
// of which it reads what is new whenever it is asked. Safe for concurrent use.
type online struct {
	mu    sync.Mutex
	epoch string          // of the part of Redis that holds the list; empty: nothing is known
	last  int64           // all up to this number are known
	users map[int64]int64 // to the user's number, which is about the time in Unix microseconds
	swept int64
}

// enroll notes users, after their sessions were put and before that is answered.
func (s *Sessions) enroll(ctx context.Context, sessions []cache.Session) error {
	args := make([]any, 1, 1+len(sessions))
	args[0] = onlineFor.Microseconds()
	for _, one := range sessions {
		args = append(args, one.UserID)
	}
	return enrollScript.Run(ctx, s.rdb, []string{onlineKey, onlineNumberKey}, args...).Err()
}

// candidates leaves out those who are not connected. In doubt, all are.
func (s *Sessions) candidates(ctx context.Context, users []int64, v *view) []int64 {
	part := v.layout.part(onlineKey)
	if len(users) < crowd || v.parts[part].epoch == "" {
		return users
	}
	for g := range v.some {
		if !v.parts[part].ready[g] {
			return users // its users may be missing in the list
		}
	}
	o := &s.online
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := s.followOnline(ctx, v.layout.epochs[part], v.parts[part].epoch); err != nil {
		return users
	}
	out := make([]int64, 0, len(users)/4)
	for _, u := range users {
		if _, maybe := o.users[u]; maybe {
			out = append(out, u)
		}
	}
	return out
}

// followOnline reads who has come. What it reads is of the epoch that key holds, or it fails.
func (s *Sessions) followOnline(ctx context.Context, key, epoch string) error {
	o := &s.online
	if o.epoch != epoch {
		o.epoch, o.last, o.users = epoch, 0, map[int64]int64{}
	}
	for {
		newest, page, err := s.readOnline(ctx, key, epoch, o.last)
		if err != nil {
			return err
		}
		if newest < o.last {
			// Redis has lost what it held, and the epoch was not the last of it.
			o.last, o.users = 0, map[int64]int64{}
			continue
		}
		for _, z := range page {
			o.note(z)
		}
		if len(page) < onlinePage {
			break
		}
	}
	if o.last-o.swept > sweepEvery.Microseconds() {
		maps.DeleteFunc(o.users, func(_, n int64) bool { return n < o.last-onlineFor.Microseconds() })
		o.swept = o.last
	}
	return nil
}

func (o *online) note(z redis.Z) {
	number := int64(z.Score)
	o.last = max(o.last, number)
	member, _ := z.Member.(string)
	if id, err := strconv.ParseInt(member, 10, 64); err == nil {
		o.users[id] = number
	}
}

// readOnline reads the newest number, and a page of those who came after one.
func (s *Sessions) readOnline(ctx context.Context, key, epoch string, after int64) (newest int64, page []redis.Z, err error) {
	var word, number *redis.StringCmd
	var list *redis.ZSliceCmd
	err = s.guard.do(ctx, func(ctx context.Context) error {
		pipe := s.rdb.Pipeline()
		number = pipe.Get(ctx, onlineNumberKey)
		list = pipe.ZRangeByScoreWithScores(ctx, onlineKey, &redis.ZRangeBy{
			Min: "(" + strconv.FormatInt(after, 10), Max: "+inf", Count: onlinePage,
		})
		// The epoch comes last: when it is the same, nothing was lost before.
		word = pipe.Get(ctx, key)
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("read who came online: %w", err)
	}
	if word.Val() != epoch {
		return 0, nil, errors.New("read who came online: Redis has lost what it held")
	}
	if number.Val() != "" {
		if newest, err = strconv.ParseInt(number.Val(), 10, 64); err != nil {
			return 0, nil, fmt.Errorf("read who came online: %w", err)
		}
	}
	return newest, list.Val(), nil
}
