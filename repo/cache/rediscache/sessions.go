package rediscache

import (
	"cmp"
	"context"
	_ "embed" // the scripts
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/gochat/gochat/repo/cache"
)

var (
	//go:embed scripts/forget.lua
	forgetSource string
	forgetScript = redis.NewScript(forgetSource)
)

// valueOf is what Redis keeps of a session.
func valueOf(s cache.Session) string {
	return s.GatewayID + "|" + strconv.FormatInt(s.LoginAt, 10) + "|" + s.DeviceID
}

const (
	// gatewaysKey is a sorted set of the gateways, by the time of their last beat.
	gatewaysKey = "gateways"
	// muteKey has in the same way those that do not announce changes of their users, as gateways of older releases.
	muteKey = "gateways_mute"
	// changesKey counts changes of the gateways' states, so that a process that reads the same count again need not
	// read the states again.
	changesKey = "gateways_changes"
	// epochKey is the key of the epoch of a single Redis, and the prefix of the epochs' keys of a
	// cluster's masters. The first beat sets the epoch. Another epoch, or none, shows that what
	// that server held may be lost.
	epochKey = "gateways_epoch"
	// epochsTTL is how long the epochs at which a gateway has put its sessions are kept.
	epochsTTL = 10 * time.Minute

	gatewayReady   = "ready"
	gatewayJoining = "joining"
)

// SessionKeys are the prefixes of the session registry's keys. A Redis that evicts must not evict
// these: gateways put a session again only every ten minutes, and until then its user would get
// no pushes.
var SessionKeys = []string{"user_session:", "user_watchers:", "gateway", "online"}

func sessionKey(user int64) string { return "user_session:{" + strconv.FormatInt(user, 10) + "}" }
func gatewayKey(id string) string  { return "gateway:{" + id + "}" }

// gatewayEpochsKey and gatewayCountedKey are in the same slot as the gateway's state. gatewayCountedKey has a word for the
// state that was last counted in changesKey.
func gatewayEpochsKey(id string) string  { return "gateway_epochs:{" + id + "}" }
func gatewayCountedKey(id string) string { return "gateway_counted:{" + id + "}" }

// Sessions is the session registry in Redis. Safe for concurrent use.
type Sessions struct {
	rdb     redis.UniversalClient
	now     func() time.Time
	guard   guard
	flights singleflight.Group

	mu   sync.Mutex
	view *view // what Redis said last; nil: ask
	possible
	kept   unsureOf
	losses losses
	// askedAgain has for each unready gateway when Redis was asked again because of it.
	askedAgain map[string]time.Time

	online online
	graves graves
}

// NewSessions returns a registry on a client. Close ends it.
func NewSessions(rdb redis.UniversalClient, now func() time.Time) *Sessions {
	return &Sessions{
		rdb: rdb, now: now, guard: newGuard(rdb), possible: possible{seen: map[string]sighting{}}, losses: losses{}, askedAgain: map[string]time.Time{},
	}
}

// Witness sets another source of the live gateways, which is asked besides Redis and holds while
// Redis is away or has lost data. live must not block. Call Witness before any other method.
func (s *Sessions) Witness(live func() []string) { s.witness = live }

// Close ends the probes of a Redis that is away, within a second at most; the client stays open.
func (s *Sessions) Close() { s.guard.Close() }

// Put registers sessions, or refreshes them, and removes those that dead gateways have left with the
// same users.
func (s *Sessions) Put(ctx context.Context, sessions []cache.Session) error {
	entries := make([]*redis.MapStringStringCmd, len(sessions))
	err := bounded(ctx, func(ctx context.Context) error {
		pipe := s.rdb.Pipeline()
		for i, one := range sessions {
			pipe.HSet(ctx, sessionKey(one.UserID), one.ConnectionID, valueOf(one))
			pipe.Expire(ctx, sessionKey(one.UserID), cache.SessionFor)
			entries[i] = pipe.HGetAll(ctx, sessionKey(one.UserID))
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		return s.enroll(ctx, sessions)
	})
	if err != nil {
		return fmt.Errorf("register %d sessions: %w", len(sessions), err)
	}
	if err := s.prune(ctx, sessions, entries); err != nil {
		return fmt.Errorf("%w: %w", cache.ErrNotSwept, err)
	}
	return nil
}

// Remove removes exactly these sessions.
func (s *Sessions) Remove(ctx context.Context, sessions ...cache.Session) error {
	calls := make([]scriptCall, len(sessions))
	for i, one := range sessions {
		calls[i] = scriptCall{[]string{sessionKey(one.UserID)}, []any{one.ConnectionID, valueOf(one)}}
	}
	err := bounded(ctx, func(ctx context.Context) error {
		return runAll(ctx, s.rdb, forgetScript, calls, func(_ int, cmd *redis.Cmd) error { return cmd.Err() })
	})
	if err != nil {
		return fmt.Errorf("remove %d sessions: %w", len(sessions), err)
	}
	return nil
}

// Registered reports for each session, in order, whether its connection is registered.
func (s *Sessions) Registered(ctx context.Context, sessions []cache.Session) ([]bool, error) {
	found := make([]*redis.BoolCmd, len(sessions))
	err := s.guard.do(ctx, func(ctx context.Context) error {
		pipe := s.rdb.Pipeline()
		for i, one := range sessions {
			found[i] = pipe.HExists(ctx, sessionKey(one.UserID), one.ConnectionID)
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for %d sessions: %w", len(sessions), err)
	}
	out := make([]bool, len(sessions))
	for i, cmd := range found {
		out[i] = cmd.Val()
	}
	return out, nil
}

// nothingPut is what the script is told of a gateway that has put nothing.
const nothingPut = "-"

// Beat says that a gateway lives. It is idempotent. Without Redis it fails, but this process still
// remembers that the gateway lives.
func (s *Sessions) Beat(ctx context.Context, gateway string, b cache.Beat) (heard cache.Heard, err error) {
	state, put := gatewayJoining, ""
	if b.Ready {
		state = gatewayReady
	}
	if b.PutAt != nil {
		put = cmp.Or(*b.PutAt, nothingPut)
	}
	now := s.now()
	err = bounded(ctx, func(ctx context.Context) (err error) {
		heard, err = s.beat(ctx, beatOf{gateway: gateway, state: state, put: put, announces: b.Announces, at: now})
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.see(gateway, now)
	if err != nil {
		return cache.Heard{}, fmt.Errorf("beat of gateway %s: %w", gateway, err)
	}
	if heard.Fresh || s.view == nil || s.view.all[gateway] != b.Ready {
		s.view = nil
	}
	return heard, nil
}

// Leave says that a gateway is gone.
func (s *Sessions) Leave(ctx context.Context, gateway string) error {
	s.mu.Lock()
	delete(s.seen, gateway)
	s.view = nil
	s.mu.Unlock()
	err := bounded(ctx, func(ctx context.Context) error {
		pipe := s.rdb.Pipeline()
		pipe.Del(ctx, gatewayKey(gateway), gatewayEpochsKey(gateway))
		pipe.ZRem(ctx, gatewaysKey, gateway)
		pipe.ZRem(ctx, muteKey, gateway)
		pipe.Incr(ctx, changesKey)
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("leave of gateway %s: %w", gateway, err)
	}
	return nil
}
