package rediscache

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// view is what Redis said about gateways at one time. It is immutable once it is in Sessions.view.
type view struct {
	at time.Time
	// layout is nil when Redis did not answer.
	layout *layout
	parts  []partView
	// census is what the states were counted by when they were read, at read.
	census census
	read   time.Time
	// live are the gateways that Redis knows, ready or not.
	live []string
	// mute: a live gateway does not announce changes of its users.
	mute bool
	// some are the gateways that are ready in at least one part, all those that are ready in every
	// part.
	some, all map[string]bool
}

// partView is a part of Redis as it was seen.
type partView struct {
	epoch string
	// ready are the gateways that have put all their sessions that belong into this part.
	ready map[string]bool
	// lost are gateways that were ready before the part lost its data and have not put their
	// sessions again since.
	lost map[string]bool
	// joining: Redis knows a live gateway that is not ready in this part.
	joining bool
}

func (v *view) part(user int64) int {
	if len(v.parts) == 1 {
		return 0
	}
	return v.layout.part(sessionKey(user))
}

// unchanged reports whether the epochs in words, those that are not nil, are still those of the
// view: then no data was lost since the view was read.
func (v *view) unchanged(words []*redis.StringCmd) bool {
	for i, word := range words {
		if word != nil && word.Val() != v.parts[i].epoch {
			return false
		}
	}
	return true
}

// lacks reports whether sessions may be missing in one of the parts whose word is not nil.
func (v *view) lacks(words []*redis.StringCmd) bool {
	for i, word := range words {
		if word != nil && v.parts[i].lacks() {
			return true
		}
	}
	return false
}

// lacks reports whether sessions may be missing in a part.
func (p *partView) lacks() bool { return p.epoch == "" || p.joining || len(p.lost) > 0 }

// look returns a view that is at most liveFor old.
func (s *Sessions) look(ctx context.Context) *view {
	s.mu.Lock()
	v := s.view
	s.mu.Unlock()
	if v != nil && s.now().Sub(v.at) < liveFor {
		return v
	}
	return s.refresh(ctx)
}

// distrust drops a view after a call of Redis failed: another server may answer the next call.
func (s *Sessions) distrust(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == v {
		s.view = nil
	}
}

// refresh reads a new view; concurrent callers share one read. When Redis does not answer, no gateway
// is ready in the view.
func (s *Sessions) refresh(ctx context.Context) *view {
	out, _, _ := s.flights.Do("", func() (any, error) {
		now := s.now()
		s.mu.Lock()
		last := s.view
		s.mu.Unlock()
		v, err := s.ask(context.WithoutCancel(ctx), now, last)
		if err != nil {
			v = &view{at: now}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.losses.follow(v)
		s.view = v
		s.answered(err == nil, now)
		for _, g := range v.live {
			s.see(g, now)
		}
		return v, nil
	})
	return out.(*view) //nolint:errcheck,forcetypeassert // the line above returns nothing else
}

// take notes in which parts a gateway is ready: those whose present epoch is in put, the epochs at
// which the gateway has put its sessions.
func (v *view) take(gateway string, put []string) {
	everywhere := true
	for i := range v.parts {
		if v.parts[i].epoch != "" && slices.Contains(put, v.parts[i].epoch) {
			v.parts[i].ready[gateway], v.some[gateway] = true, true
		} else {
			everywhere = false
		}
	}
	if everywhere {
		v.all[gateway] = true
	}
}
