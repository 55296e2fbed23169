package rediscache

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/infra/breaker"
	"github.com/gochat/gochat/repo/cache"
)

const (
	// callTimeout bounds each call: by then the database could have answered instead.
	callTimeout = 500 * time.Millisecond
	// awayFor is how long Redis is left alone after it did not answer.
	awayFor = 500 * time.Millisecond
)

// guard keeps a Redis that hangs from slowing down everything that could go on without it.
type guard struct{ *breaker.Breaker }

// newGuard returns a guard of a client. A cluster counts as back when all of its masters answer:
// the next call may go to any of them.
func newGuard(rdb redis.UniversalClient) guard {
	probe := func(ctx context.Context) error { return rdb.Ping(ctx).Err() }
	if cluster, ok := rdb.(*redis.ClusterClient); ok {
		probe = func(ctx context.Context) error {
			return cluster.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error { return one.Ping(ctx).Err() })
		}
	}
	return guard{breaker.New(breaker.Config{Timeout: callTimeout, Pause: awayFor, Probe: probe, Answered: answered})}
}

// do makes one call within callTimeout, or answers cache.ErrAway at once.
func (g guard) do(ctx context.Context, call func(context.Context) error) error {
	err := g.Do(ctx, call)
	if errors.Is(err, breaker.ErrOpen) {
		return cache.ErrAway
	}
	return err
}

// bounded makes one call within callTimeout even when Redis did not answer a moment ago.
func bounded(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return call(ctx)
}

// answered reports whether err was sent by Redis itself, which shows that Redis is not away.
func answered(err error) bool {
	var own redis.Error
	return errors.As(err, &own)
}
