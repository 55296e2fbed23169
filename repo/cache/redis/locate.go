package rediscache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// liveFor is how long the list of live gateways is believed.
const liveFor = time.Second

// Located says through which gateways users are reached.
type Located struct {
	// Gateways → their users among those that were asked for.
	Gateways map[string][]int64
	// Every lists gateways whose entries may be incomplete: they get everything.
	Every []string
}

// view is what Redis said about gateways. It is never changed.
type view struct {
	at    time.Time
	epoch string
	// ready are the gateways all of whose sessions are in.
	ready map[string]bool
	// lost are gateways that were ready before Redis lost what it held and have not
	// said everything again since.
	lost map[string]bool
}

// Live lists the gateways that beat within 12 s, and those that may live although Redis
// does not know them now.
func (s *Sessions) Live(ctx context.Context) []string {
	v := s.look(ctx)
	out := s.every(v)
	for g := range v.ready {
		out = append(out, g)
	}
	slices.Sort(out)
	return out
}

// Locate finds the gateways of users, in one round trip as a rule. When Redis does
// not answer, every gateway that may live gets everything, however long that lasts.
func (s *Sessions) Locate(ctx context.Context, users []int64) Located {
	v := s.look(ctx)
	for try := range 2 {
		if len(v.ready) == 0 {
			break
		}
		ask := s.candidates(ctx, users, v.epoch)
		found, epoch, err := s.read(ctx, ask)
		if err != nil {
			break
		}
		if epoch != "" && epoch == v.epoch {
			gateways, strangers := assign(v, ask, found)
			if try > 0 || !s.doubt(strangers) {
				return Located{Gateways: gateways, Every: s.every(v)}
			}
		}
		// Redis has lost what it held since, so that what was not found may be there,
		// or there is a gateway that was not when it was asked for gateways.
		v = s.refresh(ctx)
	}
	return Located{Gateways: map[string][]int64{}, Every: s.every(&view{})}
}

// read reads the sessions of users, and after them the epoch: when it is still the
// same, nothing was lost before.
func (s *Sessions) read(ctx context.Context, users []int64) (found []map[string]string, epoch string, err error) {
	cmds := make([]*redis.MapStringStringCmd, len(users))
	var word *redis.StringCmd
	err = s.guard.do(ctx, func(ctx context.Context) error {
		pipe := s.rdb.Pipeline()
		for i, u := range users {
			cmds[i] = pipe.HGetAll(ctx, sessionKey(u))
		}
		word = pipe.Get(ctx, epochKey)
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("locate %d users: %w", len(users), err)
	}
	found = make([]map[string]string, len(users))
	for i, cmd := range cmds {
		found[i] = cmd.Val()
	}
	return found, word.Val(), nil
}

// assign puts each user to the ready gateways that it is connected to. strangers
// are the other gateways.
func assign(v *view, users []int64, found []map[string]string) (out map[string][]int64, strangers []string) {
	out = map[string][]int64{}
	for i, sessions := range found {
		for _, value := range sessions {
			g, _, _ := strings.Cut(value, "|")
			if !v.ready[g] {
				strangers = append(strangers, g)
			} else if list := out[g]; len(list) == 0 || list[len(list)-1] != users[i] {
				out[g] = append(list, users[i])
			}
		}
	}
	return out, strangers
}

// doubt reports whether one of the gateways may live without being known here: it
// joined through another process, and Redis was not asked about it in the last
// second. Gateways that died leave entries behind, too.
func (s *Sessions) doubt(strangers []string) bool {
	if len(strangers) == 0 {
		return false
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.doubted, func(_ string, at time.Time) bool { return now.Sub(at) >= liveFor })
	found := false
	for _, g := range strangers {
		if _, seen := s.seen[g]; seen {
			continue // it gets everything
		}
		if _, lately := s.doubted[g]; !lately {
			s.doubted[g] = now
			found = true
		}
	}
	return found
}

// every lists the gateways that may live and are not ready.
func (s *Sessions) every(v *view) []string {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.except(v.ready, now)
}

// look returns what Redis said at most liveFor ago.
func (s *Sessions) look(ctx context.Context) *view {
	s.mu.Lock()
	v := s.view
	s.mu.Unlock()
	if v != nil && s.now().Sub(v.at) < liveFor {
		return v
	}
	return s.refresh(ctx)
}

// refresh asks Redis, once for all who want to know at the same time. Without an
// answer nobody is ready.
func (s *Sessions) refresh(ctx context.Context) *view {
	out, _, _ := s.flights.Do("", func() (any, error) {
		now := s.now()
		v, joining, err := s.ask(context.WithoutCancel(ctx), now)
		if err != nil {
			v = &view{at: now}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.losses.follow(v)
		s.view = v
		s.answered(err == nil, now)
		for g := range v.ready {
			s.see(g, now)
		}
		for _, g := range joining {
			s.see(g, now)
		}
		return v, nil
	})
	return out.(*view) //nolint:errcheck,forcetypeassert // the line above returns nothing else
}

// ask reads the gateways' states from Redis, the epoch before them.
func (s *Sessions) ask(ctx context.Context, now time.Time) (v *view, joining []string, err error) {
	v = &view{at: now, ready: map[string]bool{}}
	var word *redis.StringCmd
	var ids *redis.StringSliceCmd
	var states []*redis.StringCmd
	err = s.guard.do(ctx, func(ctx context.Context) error {
		pipe := s.rdb.Pipeline()
		word = pipe.Get(ctx, epochKey)
		ids = pipe.ZRangeByScore(ctx, gatewaysKey, &redis.ZRangeBy{Min: milli(now.Add(-gatewayTTL)), Max: "+inf"})
		// Old names are swept along the way, so that the list does not grow.
		pipe.ZRemRangeByScore(ctx, gatewaysKey, "-inf", "("+milli(now.Add(-10*gatewayTTL)))
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		pipe = s.rdb.Pipeline()
		for _, id := range ids.Val() {
			states = append(states, pipe.Get(ctx, gatewayKey(id)))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("ask for the gateways: %w", err)
	}
	v.epoch = word.Val()
	for i, id := range ids.Val() {
		switch err := states[i].Err(); {
		case states[i].Val() == gatewayReady:
			v.ready[id] = true
		case states[i].Val() == gatewayJoining, err != nil && !errors.Is(err, redis.Nil):
			joining = append(joining, id)
		}
	}
	return v, joining, nil
}

func milli(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
