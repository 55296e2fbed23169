package rediscache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

// view is what Redis said about gateways at one time. It is immutable once it is in Sessions.view.
type view struct {
	at time.Time
	// layout is nil when Redis did not answer.
	layout *layout
	parts  []partView
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
		v, live, err := s.ask(context.WithoutCancel(ctx), now)
		if err != nil {
			v = &view{at: now}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.losses.follow(v)
		s.view = v
		s.answered(err == nil, now)
		for _, g := range live {
			s.see(g, now)
		}
		return v, nil
	})
	return out.(*view) //nolint:errcheck,forcetypeassert // the line above returns nothing else
}

// gatewayState is what Redis has of a gateway.
type gatewayState struct {
	id         string
	state, put *redis.StringCmd
}

// ask reads the epochs, and after them the gateways' states. live are the gateways that Redis knows,
// ready or not.
func (s *Sessions) ask(ctx context.Context, now time.Time) (v *view, live []string, err error) {
	v = &view{at: now, some: map[string]bool{}, all: map[string]bool{}}
	var states []gatewayState
	err = s.guard.do(ctx, func(ctx context.Context) error {
		l, err := readLayout(ctx, s.rdb)
		if err != nil {
			return err
		}
		words, err := l.words(ctx, s.rdb, "")
		if err != nil {
			return err
		}
		for _, word := range words {
			v.parts = append(v.parts, partView{epoch: word, ready: map[string]bool{}})
		}
		v.layout = l
		states, err = s.readStates(ctx, now)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("ask for the gateways: %w", err)
	}
	for _, g := range states {
		switch err := g.state.Err(); {
		case g.state.Val() == gatewayReady:
			live = append(live, g.id)
			v.take(g.id, strings.Fields(g.put.Val()))
		case g.state.Val() == gatewayJoining, err != nil && !errors.Is(err, redis.Nil):
			live = append(live, g.id)
		}
	}
	for i := range v.parts {
		v.parts[i].joining = slices.ContainsFunc(live, func(g string) bool { return !v.parts[i].ready[g] })
	}
	return v, live, nil
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

func (s *Sessions) readStates(ctx context.Context, now time.Time) (states []gatewayState, err error) {
	pipe := s.rdb.Pipeline()
	ids := pipe.ZRangeByScore(ctx, gatewaysKey, &redis.ZRangeBy{Min: milli(now.Add(-cache.GatewayFor)), Max: "+inf"})
	// Old names are swept along the way, so that the list does not grow.
	pipe.ZRemRangeByScore(ctx, gatewaysKey, "-inf", "("+milli(now.Add(-10*cache.GatewayFor)))
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	if len(ids.Val()) == 0 {
		return nil, nil
	}
	pipe = s.rdb.Pipeline()
	for _, id := range ids.Val() {
		states = append(states, gatewayState{id, pipe.Get(ctx, gatewayKey(id)), pipe.Get(ctx, gatewayEpochsKey(id))})
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	return states, nil
}

// beat notes a gateway's sign of life in Redis.
func (s *Sessions) beat(ctx context.Context, gateway, state, put string, now time.Time) (heard cache.Heard, err error) {
	l, err := readLayout(ctx, s.rdb)
	if err != nil {
		return cache.Heard{}, err
	}
	// The epochs are set before the state: after a loss, nobody finds a gateway's new state beside
	// the epoch from before the loss.
	words, err := l.words(ctx, s.rdb, rand.Text())
	if err != nil {
		return cache.Heard{}, err
	}
	pipe := s.rdb.Pipeline()
	if l != whole {
		// Processes of an older release know this one epoch only.
		pipe.SetNX(ctx, epochKey, rand.Text(), 0)
	}
	pipe.ZAdd(ctx, gatewaysKey, redis.Z{Score: float64(now.UnixMilli()), Member: gateway})
	if _, err := pipe.Exec(ctx); err != nil {
		return cache.Heard{}, err
	}
	args := []any{state, int(cache.GatewayFor.Seconds()), int(epochsTTL.Seconds()), "life:" + rand.Text(), put}
	for _, w := range words {
		args = append(args, w)
	}
	answer, err := beatScript.Run(ctx, s.rdb, []string{gatewayKey(gateway), gatewayEpochsKey(gateway)}, args...).Slice()
	if err != nil {
		return cache.Heard{}, err
	}
	return heardFrom(answer)
}

// heardFrom reads what the script answers.
func heardFrom(answer []any) (cache.Heard, error) {
	if len(answer) == 2 {
		fresh, isNumber := answer[0].(int64)
		at, isText := answer[1].(string)
		if isNumber && isText {
			return cache.Heard{Fresh: fresh == 1, At: at}, nil
		}
	}
	return cache.Heard{}, fmt.Errorf("the script for beats answers %v, not a number and a text", answer)
}
