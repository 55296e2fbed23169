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
	// onlineFor is how long a user counts as possibly online after one of their sessions was put
	// or refreshed last: longer than a session is kept.
	onlineFor = cache.SessionFor + 10*time.Minute
	// crowd is the number of users from which on Locate leaves out those who cannot be online.
	crowd = 256
	// onlinePage is how many users are read at a time.
	onlinePage = 5000
	// sweepEvery is the pause between two removals of users who cannot be online any more.
	sweepEvery = 10 * time.Minute
)

// online is this process's copy of the list in Redis of all users who may be connected: those whose
// session was put within onlineFor. Before each use it reads what is new in the list. It saves
// asking Redis for the sessions of the nine in ten members of a large group who are not
// connected. mu protects it.
type online struct {
	mu    sync.Mutex
	epoch string          // of the part of Redis that holds the list; empty: nothing is known
	last  int64           // the greatest number read; all users up to it are known
	users map[int64]int64 // by id: the user's number, about the time of the put in Unix microseconds
	swept int64
}

// enroll adds the users of sessions to the list of those who may be online. Put calls it before it
// returns: otherwise Locate could leave out a user whose session is registered.
func (s *Sessions) enroll(ctx context.Context, sessions []cache.Session) error {
	args := make([]any, 1, 1+len(sessions))
	args[0] = onlineFor.Microseconds()
	for _, one := range sessions {
		args = append(args, one.UserID)
	}
	return enrollScript.Run(ctx, s.rdb, []string{onlineKey, onlineNumberKey}, args...).Err()
}

// candidates returns users without those who cannot be connected; all of them when the list may be
// incomplete or they are too few.
func (s *Sessions) candidates(ctx context.Context, users []int64, v *view) []int64 {
	part := v.layout.part(onlineKey)
	if len(users) < crowd || v.parts[part].epoch == "" {
		return users
	}
	if len(v.parts[part].ready) < len(v.some) {
		return users // of a gateway that is ready elsewhere and not here, users may be missing in the list
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

// followOnline reads the users who were added to the list since the last call. It fails when the
// epoch under key is not epoch any more.
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
			// The list was lost although the epoch is the same.
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

// readOnline reads the newest number, and a page of the users with numbers greater than after.
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
