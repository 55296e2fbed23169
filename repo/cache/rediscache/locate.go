package rediscache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

// liveFor is how long a view of the live gateways is reused.
const liveFor = time.Second

// Live lists the gateways that beat within 12 s, and those that may live although Redis
// does not know them now.
func (s *Sessions) Live(ctx context.Context) []string {
	v := s.look(ctx)
	out := s.unknown(v.some)
	for g := range v.some {
		out = append(out, g)
	}
	slices.Sort(out)
	return out
}

// Locate finds the gateways of users, in one round trip as a rule. When Redis does
// not answer, every gateway that may live gets everything, however long that lasts.
func (s *Sessions) Locate(ctx context.Context, users []int64) cache.Located {
	v := s.look(ctx)
	for try := range 2 {
		if len(v.some) == 0 {
			break
		}
		ask := s.candidates(ctx, users, v)
		found, words, err := s.read(ctx, v.layout, ask)
		if err != nil {
			s.distrust(v)
			break
		}
		if v.unchanged(words) {
			gateways, unready := assign(v, ask, found)
			if try > 0 || !s.askAgain(unready, s.seen) { // whoever is in seen gets everything anyway
				return s.located(v, ask, gateways)
			}
		}
		// Redis has lost data since the view was read, so that users who were not found may be
		// connected; or a session names a gateway that joined after the view was read.
		v = s.refresh(ctx)
	}
	return cache.Located{Gateways: map[string][]int64{}, Stale: s.unknown(nil)}
}

// located adds the gateways of which sessions may be missing: of any user (Stale), or of the users
// in some parts (PartlyStale).
func (s *Sessions) located(v *view, users []int64, gateways map[string][]int64) cache.Located {
	out := cache.Located{Gateways: gateways}
	unsure := s.unsure(v)
	if len(unsure) == 0 {
		return out
	}
	byPart := map[int][]int64{}
	for _, u := range users {
		byPart[v.part(u)] = append(byPart[v.part(u)], u)
	}
	partly := map[int][]string{}
	for _, g := range unsure {
		var missing []int
		for part := range byPart {
			if !v.parts[part].ready[g] {
				missing = append(missing, part)
			}
		}
		switch {
		case !v.some[g], len(missing) > 0 && len(missing) == len(byPart):
			out.Stale = append(out.Stale, g)
		default:
			for _, part := range missing {
				partly[part] = append(partly[part], g)
			}
		}
	}
	for part, list := range partly {
		out.PartlyStale = append(out.PartlyStale, cache.PartlyStale{Users: byPart[part], Gateways: list})
	}
	return out
}

// read reads the sessions of users, and after them the epochs of the parts that hold the sessions:
// an epoch that has not changed shows that nothing was lost before the sessions were read.
func (s *Sessions) read(ctx context.Context, l *layout, users []int64) (found []map[string]string, words []*redis.StringCmd, err error) {
	cmds := make([]*redis.MapStringStringCmd, len(users))
	words = make([]*redis.StringCmd, len(l.epochs))
	err = s.guard.do(ctx, func(ctx context.Context) error {
		pipe := s.rdb.Pipeline()
		clear(words)
		touched := make([]bool, len(l.epochs))
		for i, u := range users {
			key := sessionKey(u)
			cmds[i] = pipe.HGetAll(ctx, key)
			touched[l.part(key)] = true
		}
		for part, yes := range touched {
			if yes {
				words[part] = pipe.Get(ctx, l.epochs[part])
			}
		}
		if pipe.Len() == 0 {
			return nil
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("locate %d users: %w", len(users), err)
	}
	found = make([]map[string]string, len(users))
	for i, cmd := range cmds {
		found[i] = cmd.Val()
	}
	return found, words, nil
}

// assign lists for each ready gateway the users who are connected to it. unready are the gateways
// that sessions name and that are not ready.
func assign(v *view, users []int64, found []map[string]string) (out map[string][]int64, unready []string) {
	out = map[string][]int64{}
	for i, sessions := range found {
		if len(sessions) == 0 {
			continue
		}
		ready := v.parts[v.part(users[i])].ready
		for _, value := range sessions {
			g, _, _ := strings.Cut(value, "|")
			if !ready[g] {
				unready = append(unready, g)
			} else if list := out[g]; len(list) == 0 || list[len(list)-1] != users[i] {
				out[g] = append(list, users[i])
			}
		}
	}
	return out, unready
}

// askAgain reports whether one of the unready gateways may live without being known here, because it joined
// through another process: then Redis has to be asked again. Gateways that died are unready,
// too, so Redis is asked because of the same one only once in liveFor. It is not asked because of those in but.
func (s *Sessions) askAgain(unready []string, but map[string]sighting) bool {
	if len(unready) == 0 {
		return false
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.askedAgain, func(_ string, at time.Time) bool { return now.Sub(at) >= liveFor })
	found := false
	for _, g := range unready {
		if _, skip := but[g]; skip {
			continue
		}
		if _, lately := s.askedAgain[g]; !lately {
			s.askedAgain[g] = now
			found = true
		}
	}
	return found
}

// outdated reports whether Redis was asked again because of one of the unready gateways, by another call, after the view
// was read: the newer view may know the gateway.
func (s *Sessions) outdated(v *view, unready []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(unready, func(g string) bool { return s.askedAgain[g].After(v.at) })
}

// unknown lists the gateways that may live and are not among the known ones.
func (s *Sessions) unknown(known map[string]bool) []string {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	out, _ := s.except(known, now)
	return out
}

// unsureOf is what unsure found for a view.
type unsureOf struct {
	view    *view
	changed uint64
	until   time.Time
	list    []string
}

// unsure lists the gateways that may live and are not ready in every part of a view. Each message asks, so that
// the list is kept: making it takes as long as there are gateways. Callers must not change it.
func (s *Sessions) unsure(v *view) []string {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.askWitness(now)
	if k := &s.kept; k.view != v || k.changed != s.changed || now.After(k.until) {
		list, until := s.except(v.all, now)
		s.kept = unsureOf{view: v, changed: s.changed, until: until, list: list}
	}
	return s.kept.list
}
