package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gochat/gochat/repo/cache"
)

// Watch implements cache.Watchers. The gateway of this process announces changes, so that told is always true.
func (s *Sessions) Watch(_ context.Context, gateway string, users []int64) (told bool, err error) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) >= sweepEvery {
		s.sweep(now)
	}
	for _, user := range users {
		if s.watchers[user] == nil {
			s.watchers[user] = map[string]time.Time{}
		}
		s.watchers[user][gateway] = now.Add(cache.WatchFor)
	}
	return true, nil
}

// Watching implements cache.Watchers.
func (s *Sessions) Watching(_ context.Context, users []int64) (out map[int64][]string, err error) {
	now := s.now()
	out = map[int64][]string{}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, user := range users {
		var list []string
		for gateway, until := range s.watchers[user] {
			if now.Before(until) {
				list = append(list, gateway)
			}
		}
		if len(list) > 0 {
			slices.Sort(list)
			out[user] = list
		}
	}
	return out, nil
}

func (s *Sessions) sweepWatchers(now time.Time) {
	for user, by := range s.watchers {
		maps.DeleteFunc(by, func(_ string, until time.Time) bool { return !now.Before(until) })
		if len(by) == 0 {
			delete(s.watchers, user)
		}
	}
}
