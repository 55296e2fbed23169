package rediscache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Session is one connection of a user.
type Session struct {
	UserID                            int64
	ConnectionID, GatewayID, DeviceID string
	// LoginAt is in Unix milliseconds.
	LoginAt int64
}

func (s Session) value() string {
	return s.GatewayID + "|" + strconv.FormatInt(s.LoginAt, 10) + "|" + s.DeviceID
}

// Located says through which gateways users are reached.
type Located struct {
	// Gateways → their users among those that were asked for.
	Gateways map[string][]int64
	// Every lists gateways whose entries may be incomplete: they get everything.
	Every []string
}

const (
	sessionTTL = 30 * time.Minute
	gatewayTTL = 15 * time.Second
	// seenFor is how long a gateway that was live counts as possibly live when Redis
	// does not know it: it may have lost it. A gateway that is really gone has no
	// topic, and what is sent there is dropped.
	seenFor = 2 * gatewayTTL
	// liveFor is how long the list of live gateways is believed.
	liveFor = time.Second

	gatewaysKey    = "gateways"
	gatewayReady   = "ready"
	gatewayJoining = "joining"
)

func sessionKey(user int64) string { return "user_session:{" + strconv.FormatInt(user, 10) + "}" }
func gatewayKey(id string) string  { return "gateway:{" + id + "}" }

// Sessions is the registry of connections. Safe for concurrent use.
type Sessions struct {
	rdb redis.UniversalClient
	now func() time.Time

	mu    sync.Mutex
	asked time.Time
	ready map[string]bool      // of the last answer
	seen  map[string]time.Time // when a gateway was last live
}

// NewSessions returns a registry on a client.
func NewSessions(rdb redis.UniversalClient, now func() time.Time) *Sessions {
	return &Sessions{rdb: rdb, now: now, ready: map[string]bool{}, seen: map[string]time.Time{}}
}

// Put registers connections, or refreshes them.
func (s *Sessions) Put(ctx context.Context, sessions []Session) error {
	pipe := s.rdb.Pipeline()
	for _, one := range sessions {
		pipe.HSet(ctx, sessionKey(one.UserID), one.ConnectionID, one.value())
		pipe.Expire(ctx, sessionKey(one.UserID), sessionTTL)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("register %d sessions: %w", len(sessions), err)
	}
	return nil
}

// Remove takes exactly this connection away.
func (s *Sessions) Remove(ctx context.Context, one Session) error {
	err := forgetScript.Run(ctx, s.rdb, []string{sessionKey(one.UserID)}, one.ConnectionID, one.value()).Err()
	if err != nil {
		return fmt.Errorf("remove session %s: %w", one.ConnectionID, err)
	}
	return nil
}

// Beat says that a gateway lives; fresh: Redis did not know it.
func (s *Sessions) Beat(ctx context.Context, gateway string, ready bool) (fresh bool, err error) {
	state := gatewayJoining
	if ready {
		state = gatewayReady
	}
	old, err := s.rdb.SetArgs(ctx, gatewayKey(gateway), state, redis.SetArgs{TTL: gatewayTTL, Get: true}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("beat of gateway %s: %w", gateway, err)
	}
	fresh = old == ""
	if fresh && ready {
		// Redis has lost it, and with it perhaps its sessions: not ready before they
		// are put again.
		if err := s.rdb.Set(ctx, gatewayKey(gateway), gatewayJoining, gatewayTTL).Err(); err != nil {
			return false, fmt.Errorf("beat of gateway %s: %w", gateway, err)
		}
	}
	now := s.now()
	if err := s.rdb.ZAdd(ctx, gatewaysKey, redis.Z{Score: float64(now.UnixMilli()), Member: gateway}).Err(); err != nil {
		return false, fmt.Errorf("beat of gateway %s: %w", gateway, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[gateway] = now
	if fresh || !s.ready[gateway] {
		s.asked = time.Time{} // what is cached is out of date
	}
	return fresh, nil
}

// Leave says that a gateway is gone.
func (s *Sessions) Leave(ctx context.Context, gateway string) error {
	s.mu.Lock()
	delete(s.seen, gateway)
	ready := maps.Clone(s.ready) // others may be reading the old one
	delete(ready, gateway)
	s.ready = ready
	s.mu.Unlock()
	pipe := s.rdb.Pipeline()
	pipe.Del(ctx, gatewayKey(gateway))
	pipe.ZRem(ctx, gatewaysKey, gateway)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("leave of gateway %s: %w", gateway, err)
	}
	return nil
}

// Live lists the gateways that beat within 15 s, and those that were live a
// little while ago and that Redis does not know now.
func (s *Sessions) Live(ctx context.Context) []string {
	ready, every := s.live(ctx)
	out := slices.Clone(every)
	for g := range ready {
		out = append(out, g)
	}
	slices.Sort(out)
	return out
}

// live returns the gateways whose entries are whole, and those whose are not.
func (s *Sessions) live(ctx context.Context) (ready map[string]bool, every []string) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.asked) >= liveFor {
		if fresh, joining, err := s.ask(ctx, now); err == nil {
			s.asked, s.ready = now, fresh
			for g := range fresh {
				s.seen[g] = now
			}
			for _, g := range joining {
				s.seen[g] = now
			}
		} else {
			s.ready = map[string]bool{} // nothing is known: everyone seen gets everything
		}
	}
	for g, at := range s.seen {
		switch {
		case now.Sub(at) > seenFor:
			delete(s.seen, g)
		case !s.ready[g]:
			every = append(every, g)
		}
	}
	slices.Sort(every)
	return s.ready, every
}

// ask reads the gateways' states from Redis.
func (s *Sessions) ask(ctx context.Context, now time.Time) (ready map[string]bool, joining []string, err error) {
	since := strconv.FormatInt(now.Add(-gatewayTTL).UnixMilli(), 10)
	ids, err := s.rdb.ZRangeByScore(ctx, gatewaysKey, &redis.ZRangeBy{Min: since, Max: "+inf"}).Result()
	if err != nil {
		return nil, nil, fmt.Errorf("list gateways: %w", err)
	}
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.Get(ctx, gatewayKey(id))
	}
	// Old names are swept along the way, so that the list does not grow.
	pipe.ZRemRangeByScore(ctx, gatewaysKey, "-inf", "("+strconv.FormatInt(now.Add(-10*gatewayTTL).UnixMilli(), 10))
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, nil, fmt.Errorf("read the states of %d gateways: %w", len(ids), err)
	}
	ready = map[string]bool{}
	for i, cmd := range cmds {
		switch cmd.Val() {
		case gatewayReady:
			ready[ids[i]] = true
		case gatewayJoining:
			joining = append(joining, ids[i])
		}
	}
	return ready, joining, nil
}

// Locate finds the gateways of users. When Redis does not answer, every gateway
// that was live a little while ago gets everything.
func (s *Sessions) Locate(ctx context.Context, users []int64) Located {
	ready, every := s.live(ctx)
	out := Located{Gateways: map[string][]int64{}, Every: every}
	if len(ready) == 0 {
		return out
	}
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, len(users))
	for i, u := range users {
		cmds[i] = pipe.HGetAll(ctx, sessionKey(u))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		for g := range ready {
			out.Every = append(out.Every, g)
		}
		return out
	}
	for i, cmd := range cmds {
		for _, v := range cmd.Val() {
			g, _, _ := strings.Cut(v, "|")
			if list := out.Gateways[g]; ready[g] && (len(list) == 0 || list[len(list)-1] != users[i]) {
				out.Gateways[g] = append(list, users[i])
			}
		}
	}
	return out
}
