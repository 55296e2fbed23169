package rediscache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

// readFor is how long the states of gateways are believed while their census is the same. A process of an older
// release that handles beats does not count changes, and the keys of states may be evicted.
const readFor = 30 * time.Second

// census tells whether the states of the gateways may have changed: by a count of the changes, and by how many
// gateways have beaten lately, since nobody counts a death.
type census struct {
	changes string
	lately  int64
}

// ask reads the epochs, and after them the gateways' states, unless these are as they were in last, the view before,
// which may be nil.
func (s *Sessions) ask(ctx context.Context, now time.Time, last *view) (v *view, err error) {
	v = &view{at: now, read: now, some: map[string]bool{}, all: map[string]bool{}}
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
		v.layout, v.parts = l, nil
		for _, word := range words {
			v.parts = append(v.parts, partView{epoch: word, ready: map[string]bool{}})
		}
		if v.census, v.mute, err = s.count(ctx, now); err != nil {
			return err
		}
		if v.like(last) {
			return nil
		}
		states, err = s.readStates(ctx, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the gateways: %w", err)
	}
	if v.like(last) {
		v.inherit(last)
		return v, nil
	}
	for _, g := range states {
		if err := g.put.Err(); err != nil && !errors.Is(err, redis.Nil) {
			v.read = time.Time{} // the states are read anew for the next view
		}
		switch err := g.state.Err(); {
		case g.state.Val() == gatewayReady:
			v.live = append(v.live, g.id)
			v.take(g.id, strings.Fields(g.put.Val()))
		case g.state.Val() == gatewayJoining:
			v.live = append(v.live, g.id)
		case err != nil && !errors.Is(err, redis.Nil):
			v.live = append(v.live, g.id)
			v.read = time.Time{}
		}
	}
	for i := range v.parts {
		v.parts[i].joining = slices.ContainsFunc(v.live, func(g string) bool { return !v.parts[i].ready[g] })
	}
	return v, nil
}

// like reports whether the states that were read for last are still right: no state has changed, nothing was lost,
// and they were read within readFor.
func (v *view) like(last *view) bool {
	if last == nil || last.layout == nil || v.at.Sub(last.read) >= readFor || v.census != last.census {
		return false
	}
	return v.layout.same(last.layout) &&
		slices.EqualFunc(v.parts, last.parts, func(a, b partView) bool { return a.epoch == b.epoch })
}

// inherit takes the states from last, which stay those that last.read is the time of.
func (v *view) inherit(last *view) {
	v.read, v.live, v.some, v.all = last.read, last.live, last.some, last.all
	v.parts = slices.Clone(last.parts)
}

// count reads the census.
func (s *Sessions) count(ctx context.Context, now time.Time) (c census, mute bool, err error) {
	pipe := s.rdb.Pipeline()
	changes := pipe.Get(ctx, changesKey)
	lately := pipe.ZCount(ctx, gatewaysKey, milli(now.Add(-cache.GatewayFor)), "+inf")
	silent := pipe.ZCount(ctx, muteKey, milli(now.Add(-cache.GatewayFor)), "+inf")
	// Exec returns the first error, which may be that there is no count of changes.
	_, _ = pipe.Exec(ctx)
	if err := changes.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return census{}, false, err
	}
	if err := errors.Join(lately.Err(), silent.Err()); err != nil {
		return census{}, false, err
	}
	return census{changes.Val(), lately.Val()}, silent.Val() > 0, nil
}

// gatewayState is what Redis has of a gateway.
type gatewayState struct {
	id         string
	state, put *redis.StringCmd
}

func (s *Sessions) readStates(ctx context.Context, now time.Time) (states []gatewayState, err error) {
	pipe := s.rdb.Pipeline()
	ids := pipe.ZRangeByScore(ctx, gatewaysKey, &redis.ZRangeBy{Min: milli(now.Add(-cache.GatewayFor)), Max: "+inf"})
	// Old names are swept along the way, so that the lists do not grow.
	for _, key := range []string{gatewaysKey, muteKey} {
		pipe.ZRemRangeByScore(ctx, key, "-inf", "("+milli(now.Add(-cache.DeadFor)))
	}
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

func milli(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
