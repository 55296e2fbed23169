package service_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/memory"
	"github.com/gochat/gochat/repo/store"
)

// cable connects processes with a cache that they share; while it is out, every call fails.
type cable struct{ out atomic.Bool }

var errOut = errors.New("the cable is out")

func (c *cable) try(call func() error) error {
	if c.out.Load() {
		return errOut
	}
	return call()
}

// through makes a call that answers something.
func through[T any](c *cable, call func() (T, error)) (out T, err error) {
	err = c.try(func() (err error) { out, err = call(); return err })
	return out, err
}

// plugged is a cache on a cable.
type plugged struct {
	*cable

	kept *memory.Cache
}

var _ cache.Cache = plugged{}

func (p plugged) Stored(ctx context.Context, keys []store.ClientKey) ([]store.Message, error) {
	return through(p.cable, func() ([]store.Message, error) { return p.kept.Stored(ctx, keys) })
}

func (p plugged) Allocate(ctx context.Context, keys []store.ClientKey) ([]uint64, error) {
	return through(p.cable, func() ([]uint64, error) { return p.kept.Allocate(ctx, keys) })
}

func (p plugged) Seed(ctx context.Context, last map[string]uint64) error {
	return p.try(func() error { return p.kept.Seed(ctx, last) })
}

func (p plugged) Follow(ctx context.Context, done []store.Committed) error {
	return p.try(func() error { return p.kept.Follow(ctx, done) })
}

func (p plugged) Hot(ctx context.Context, s store.Span) ([]store.Message, bool) {
	if p.out.Load() {
		return nil, false
	}
	return p.kept.Hot(ctx, s)
}

func (p plugged) HotMany(ctx context.Context, spans []store.Span) [][]store.Message {
	if p.out.Load() {
		return make([][]store.Message, len(spans))
	}
	return p.kept.HotMany(ctx, spans)
}

func (p plugged) Warm(ctx context.Context, s store.Span, newest []store.Message) error {
	return p.try(func() error { return p.kept.Warm(ctx, s, newest) })
}

func (p plugged) Expire(ctx context.Context, done []store.Expired) error {
	return p.try(func() error { return p.kept.Expire(ctx, done) })
}

func (p plugged) Users(ctx context.Context, ids []int64) map[int64]store.User {
	if p.out.Load() {
		return map[int64]store.User{}
	}
	return p.kept.Users(ctx, ids)
}

func (p plugged) PutUsers(ctx context.Context, list ...store.User) error {
	return p.try(func() error { return p.kept.PutUsers(ctx, list...) })
}

func (p plugged) TokenChecked(ctx context.Context, t store.UsedToken) (state store.TokenState, known bool) {
	if p.out.Load() {
		return store.TokenState{}, false
	}
	return p.kept.TokenChecked(ctx, t)
}

func (p plugged) PutTokenChecked(ctx context.Context, t store.UsedToken, state store.TokenState) error {
	return p.try(func() error { return p.kept.PutTokenChecked(ctx, t, state) })
}

func (p plugged) PutTokensRevoked(ctx context.Context, tokens ...store.Token) error {
	return p.try(func() error { return p.kept.PutTokensRevoked(ctx, tokens...) })
}

func (p plugged) PutDeviceRevoked(ctx context.Context, device store.DeviceKey, at int64) error {
	return p.try(func() error { return p.kept.PutDeviceRevoked(ctx, device, at) })
}

func (p plugged) PutSignedOut(ctx context.Context, user, before int64) error {
	return p.try(func() error { return p.kept.PutSignedOut(ctx, user, before) })
}

func (p plugged) TakeTokens(ctx context.Context, asks []cache.Ask) (taken []int, wait time.Duration, err error) {
	err = p.try(func() (err error) { taken, wait, err = p.kept.TakeTokens(ctx, asks); return err })
	return taken, wait, err
}

func (p plugged) ReturnTokens(ctx context.Context, asks []cache.Ask) error {
	return p.try(func() error { return p.kept.ReturnTokens(ctx, asks) })
}

func (p plugged) PutMarks(ctx context.Context, keys []string, ttl time.Duration) error {
	return p.try(func() error { return p.kept.PutMarks(ctx, keys, ttl) })
}

func (p plugged) HasMarks(ctx context.Context, keys []string) ([]bool, error) {
	return through(p.cable, func() ([]bool, error) { return p.kept.HasMarks(ctx, keys) })
}

// switchboard is a registry on a cable.
type switchboard struct {
	*memory.Sessions
	*cable

	// blind: what dead gateways have left cannot be taken away.
	blind *atomic.Bool
}

func (s switchboard) Put(ctx context.Context, sessions []cache.Session) error {
	err := s.try(func() error { return s.Sessions.Put(ctx, sessions) })
	if err == nil && s.blind.Load() {
		return cache.ErrNotSwept
	}
	return err
}

func (s switchboard) Present(ctx context.Context, users []int64) (out map[int64][]string, partial bool, err error) {
	err = s.try(func() (err error) { out, partial, err = s.Sessions.Present(ctx, users); return err })
	return out, partial, err
}
