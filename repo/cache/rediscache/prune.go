package rediscache

import (
	"context"
	"iter"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

const (
	// gravesMost bounds the gateways that are remembered as unknown.
	gravesMost = 4096
	// sweepRest is how long prune is skipped after it failed, so that it does not slow down every
	// put.
	sweepRest = 10 * time.Second
)

// graves remembers since when gateways that have left sessions behind are unknown to Redis.
type graves struct {
	mu    sync.Mutex
	since map[string]time.Time
	// rest is until when nothing is removed.
	rest time.Time
}

// remains is a session that a gateway has left behind.
type remains struct {
	user              int64
	connection, value string
}

// note notes which gateways live and returns those that have been unknown for cache.DeadAfter.
func (g *graves) note(alive map[string]bool, now time.Time) map[string]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since == nil || len(g.since) > gravesMost {
		g.since = map[string]time.Time{}
	}
	dead := map[string]bool{}
	for id, lives := range alive {
		since, known := g.since[id]
		switch {
		case lives:
			delete(g.since, id)
		case !known:
			g.since[id] = now
		case now.Sub(since) >= cache.DeadAfter:
			dead[id] = true
		}
	}
	return dead
}

// open reports whether sessions may be removed now.
func (g *graves) open(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !now.Before(g.rest)
}

// close keeps sessions from being removed until a time.
func (g *graves) close(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rest = until
}

// prune removes the sessions that dead gateways have left with the users of put. Redis expires the
// sessions of a user only as a whole, so those of a user who is always connected would stay.
//
// A gateway may come back at that very moment and put its sessions before they are removed here.
// So prune asks afterwards which of the gateways live, and puts the sessions of these back.
func (s *Sessions) prune(ctx context.Context, put []cache.Session, entries []*redis.MapStringStringCmd) error {
	left := map[string][]remains{} // by gateway
	for i, one := range put {
		for connection, value := range entries[i].Val() {
			gateway, _, _ := strings.Cut(value, "|")
			if gateway != one.GatewayID {
				left[gateway] = append(left[gateway], remains{one.UserID, connection, value})
			}
		}
	}
	if len(left) == 0 || !s.graves.open(s.now()) {
		return nil
	}
	err := bounded(ctx, func(ctx context.Context) error {
		alive, err := s.alive(ctx, maps.Keys(left))
		if err != nil {
			return err
		}
		dead := s.graves.note(alive, s.now())
		if len(dead) == 0 {
			return nil
		}
		pipe := s.rdb.Pipeline()
		for gateway := range dead {
			for _, one := range left[gateway] {
				pipe.HDel(ctx, sessionKey(one.user), one.connection)
			}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		return s.restore(ctx, dead, left)
	})
	if err != nil {
		s.graves.close(s.now().Add(sweepRest))
	}
	return err
}

// restore puts the removed sessions of those gateways back that live again.
func (s *Sessions) restore(ctx context.Context, dead map[string]bool, left map[string][]remains) error {
	alive, err := s.alive(ctx, maps.Keys(dead))
	if err != nil {
		return err
	}
	pipe := s.rdb.Pipeline()
	for gateway, lives := range alive {
		if !lives {
			continue
		}
		for _, one := range left[gateway] {
			pipe.HSet(ctx, sessionKey(one.user), one.connection, one.value)
		}
	}
	if pipe.Len() == 0 {
		return nil
	}
	_, err = pipe.Exec(ctx)
	return err
}

// alive asks Redis which gateways it knows.
func (s *Sessions) alive(ctx context.Context, ids iter.Seq[string]) (map[string]bool, error) {
	found := map[string]*redis.IntCmd{}
	pipe := s.rdb.Pipeline()
	for id := range ids {
		found[id] = pipe.Exists(ctx, gatewayKey(id))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(found))
	for id, n := range found {
		out[id] = n.Val() > 0
	}
	return out, nil
}
