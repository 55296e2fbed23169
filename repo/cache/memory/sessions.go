package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gochat/gochat/repo/cache"
)

// sweepEvery is the pause between two removals of all sessions that are over.
const sweepEvery = 10 * time.Minute

// Sessions implements cache.Sessions for the gateway of this process. It always answers, and loses
// nothing while the process lives: Locate finds no PartlyStale, and answers are partial only while a
// gateway has not put all its sessions. Gateways of other processes are known by a witness at most,
// and then get everything.
type Sessions struct {
	now func() time.Time

	mu       sync.RWMutex
	users    map[int64][]held
	gateways map[string]*gateway
	begun    bool                           // a gateway has beaten
	watchers map[int64]map[string]time.Time // by user: until when gateways watch the user
	swept    time.Time
	count    int64
	counted  time.Time

	witness *witness
}

var _ cache.Sessions = (*Sessions)(nil)

// held is a session as it was put last.
type held struct {
	cache.Session

	at time.Time
}

// NewSessions returns an empty registry.
func NewSessions(now func() time.Time) *Sessions {
	return &Sessions{
		now: now, users: map[int64][]held{}, gateways: map[string]*gateway{}, watchers: map[int64]map[string]time.Time{}, swept: now(),
	}
}

// Put implements cache.Registry. It never returns cache.ErrNotSwept.
func (s *Sessions) Put(_ context.Context, sessions []cache.Session) error {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) >= sweepEvery {
		s.sweep(now)
	}
	for _, one := range sessions {
		list := slices.DeleteFunc(s.users[one.UserID], func(h held) bool {
			return h.ConnectionID == one.ConnectionID || s.over(&h, now)
		})
		s.users[one.UserID] = append(list, held{one, now})
	}
	return nil
}

// over reports whether a session is to be removed: it was not refreshed in time, or its gateway is
// dead.
func (s *Sessions) over(h *held, now time.Time) bool {
	age := now.Sub(h.at)
	if age >= cache.SessionFor {
		return true
	}
	g := s.gateways[h.GatewayID]
	return age >= cache.DeadAfter && (g == nil || now.Sub(g.beat) >= cache.DeadAfter)
}

// sweep removes all sessions that are over, gateways that are gone, and watchers that do not watch any more.
func (s *Sessions) sweep(now time.Time) {
	s.swept = now
	for user, list := range s.users {
		s.keep(user, slices.DeleteFunc(list, func(h held) bool { return s.over(&h, now) }))
	}
	for id, g := range s.gateways {
		if now.Sub(g.beat) > cache.DeadFor {
			delete(s.gateways, id)
		}
	}
	s.sweepWatchers(now)
}

func (s *Sessions) keep(user int64, list []held) {
	if len(list) == 0 {
		delete(s.users, user)
		return
	}
	s.users[user] = list
}

// Remove implements cache.Registry.
func (s *Sessions) Remove(_ context.Context, sessions ...cache.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range sessions {
		if list, there := s.users[one.UserID]; there {
			s.keep(one.UserID, slices.DeleteFunc(list, func(h held) bool { return h.Session == one }))
		}
	}
	return nil
}

// Registered implements cache.Registry.
func (s *Sessions) Registered(_ context.Context, sessions []cache.Session) ([]bool, error) {
	now := s.now()
	out := make([]bool, len(sessions))
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i, one := range sessions {
		out[i] = slices.ContainsFunc(s.users[one.UserID], func(h held) bool {
			return h.ConnectionID == one.ConnectionID && now.Sub(h.at) < cache.SessionFor
		})
	}
	return out, nil
}

// Locate implements cache.Locator.
func (s *Sessions) Locate(_ context.Context, users []int64) cache.Located {
	now := s.now()
	named := s.witness.named(now)
	out := cache.Located{Gateways: map[string][]int64{}}
	s.mu.RLock()
	defer s.mu.RUnlock()
	out.Stale = s.unsure(named, now)
	for _, user := range users {
		for _, h := range s.users[user] {
			if !s.reaches(&h, now) {
				continue
			}
			if list := out.Gateways[h.GatewayID]; len(list) == 0 || list[len(list)-1] != user {
				out.Gateways[h.GatewayID] = append(list, user)
			}
		}
	}
	return out
}

// reaches reports whether a session was refreshed in time and its gateway is ready.
func (s *Sessions) reaches(h *held, now time.Time) bool {
	return s.gateways[h.GatewayID].isReady(now) && now.Sub(h.at) < cache.SessionFor
}

// Present implements cache.Presence.
func (s *Sessions) Present(_ context.Context, users []int64) (out map[int64][]string, partial bool, err error) {
	now := s.now()
	out = map[int64][]string{}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, user := range users {
		for _, h := range s.users[user] {
			if s.reaches(&h, now) {
				out[user] = append(out[user], h.DeviceID)
			}
		}
	}
	return out, s.partial(now), nil
}

// partial reports whether a live gateway is not ready, or no gateway has beaten yet.
func (s *Sessions) partial(now time.Time) bool {
	if !s.begun {
		return true
	}
	for _, g := range s.gateways {
		if g.lives(now) && !g.ready {
			return true
		}
	}
	return false
}

// CountOnline implements cache.Presence. It counts everybody.
func (s *Sessions) CountOnline(context.Context) (int64, error) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.counted.IsZero() && now.Sub(s.counted) < cache.CountFor {
		return s.count, nil
	}
	if s.partial(now) {
		return 0, cache.ErrPartial
	}
	s.count, s.counted = 0, now
	for _, list := range s.users {
		if slices.ContainsFunc(list, func(h held) bool { return s.reaches(&h, now) }) {
			s.count++
		}
	}
	return s.count, nil
}

// sessionBytes is about what a session takes.
const sessionBytes = 300

// usage counts users with sessions.
func (s *Sessions) usage() usage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return usage{entries: len(s.users), bytes: sessionBytes * len(s.users)}
}
