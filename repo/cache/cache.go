// Package cache is the contract of what stands in front of the database: two drivers keep it,
// cache/rediscache in a Redis that many processes share, and cache/memory in this process. Package
// cachetest holds both to it.
//
// All that a [Cache] holds may vanish at any moment, a part of it or everything, and may not
// be had for a while: the database has it too, or can do without. Errors and misses send the
// caller there; nothing is lost, and nothing is stored twice. What a method's error says is
// therefore for the log. [Sessions] are in no database, but gateways say them again.
//
// Every method may be called by many at the same time. None waits longer than half a second
// for a server, and none for another of its callers.
package cache

import (
	"context"
	"errors"
	"time"

	"github.com/gochat/gochat/repo/store"
)

// ErrAway says that the cache was not asked, because it did not answer a moment ago.
var ErrAway = errors.New("the cache did not answer a moment ago")

// HotMessages is how many of a conversation's newest messages a cache keeps.
const HotMessages = 300

// For how long things are remembered, unless there is no room for them.
const (
	// GivenFor is of numbers that were given and not heard of since: an outage may last that
	// long, and a second number would have to be corrected by the database.
	GivenFor = 24 * time.Hour
	// StoredFor is of the ids of a stored message: whoever sends again after that is answered
	// by the database.
	StoredFor = time.Minute
	// HotFor is of a conversation's messages, from the newest on.
	HotFor = 7 * 24 * time.Hour
	// UserFor is of a user's profile.
	UserFor = 24 * time.Hour
	// TokenFor is of what is known of a token. It bounds how long a revocation that the cache
	// could not be told stays unknown to other processes.
	TokenFor = time.Minute
)

// Cache is everything that is kept of the database, and what is counted beside it.
type Cache interface {
	Numbers
	Hot
	Follower
	Users
	Tokens
	Buckets
	Marks
}

// Numbers gives messages their numbers. When it loses them, the next caller seeds the counters
// from the database; a number that is given twice is corrected there, by its unique key.
type Numbers interface {
	// Stored asks which sends are known to be stored. The result has one message per key, with
	// ids, number and time; an ID of 0 is a miss, which says nothing.
	Stored(ctx context.Context, keys []store.ClientKey) ([]store.Message, error)
	// Allocate gives each key its number: the one that it was given before, the next one of
	// its conversation, or 0 when the conversation's counter is missing. The same key has the
	// same number for GivenFor. No number is given to two keys while the counter is kept.
	Allocate(ctx context.Context, keys []store.ClientKey) ([]uint64, error)
	// Seed sets counters that are missing to the newest number in the database. One that is
	// there stays as it is.
	Seed(ctx context.Context, last map[string]uint64) error
}

// Hot keeps the newest messages of conversations that are written in. Where the number of the
// newest change that it knows differs from the database's, it has missed one and is not
// believed.
type Hot interface {
	// Hot returns the messages of a span when all of them are there, as they are after the
	// span's newest change. What it returns is the caller's; each message's Extra is shared.
	Hot(ctx context.Context, s store.Span) ([]store.Message, bool)
	// HotMany is Hot for several spans: nil where not all of a span is there.
	HotMany(ctx context.Context, spans []store.Span) [][]store.Message
	// Warm takes a conversation's newest messages, which were read with its newest change
	// known to be s.Changed, ascending, unless the cache knows a newer change. Of more than
	// HotMessages the newest are kept.
	Warm(ctx context.Context, s store.Span, newest []store.Message) error
	// Expire removes what is kept of messages that have expired. Of a conversation where
	// nothing has expired just now it removes all: somebody may have been killed before
	// he came to do it.
	Expire(ctx context.Context, done []store.Expired) error
}

// Follower is told of each transaction that stored messages.
type Follower interface {
	// Follow takes over what a transaction did: ids of what is stored, for StoredFor, hot
	// messages, counters. A counter is never below the database afterwards; what was proposed
	// and not used is given back when nothing was proposed since. A transaction that it
	// misses leaves gaps, which are seen and read from the database.
	Follow(ctx context.Context, done []store.Committed) error
}

// Users keeps profiles.
type Users interface {
	// Users returns those of the users that are there.
	Users(ctx context.Context, ids []int64) map[int64]store.User
	// PutUsers remembers users for UserFor, each unless a newer version is there.
	PutUsers(ctx context.Context, users ...store.User) error
}

// Tokens keeps what is known of tokens. When a revocation is lost here, the database is asked,
// which has it.
type Tokens interface {
	// TokenChecked says what is known of a token, and of its device where one uses it; known
	// is false when the database has to be asked.
	TokenChecked(ctx context.Context, t store.UsedToken) (state store.TokenState, known bool)
	// PutTokenChecked remembers for TokenFor what the database said of a token that it did not
	// refuse, unless more is known by now: a reader who is late overrides nothing.
	PutTokenChecked(ctx context.Context, t store.UsedToken, state store.TokenState) error
	// PutTokensRevoked overrides everything, until the tokens run out and for TokenFor at
	// least. It is tried even when the cache did not answer a moment ago, as the other
	// revocations are: what it remembers otherwise is wrong.
	PutTokensRevoked(ctx context.Context, tokens ...store.Token) error
	// PutDeviceRevoked remembers for TokenFor when a device was revoked, in Unix milliseconds.
	// An earlier time does not override a later one.
	PutDeviceRevoked(ctx context.Context, device store.DeviceKey, at int64) error
	// PutSignedOut remembers for TokenFor before when the tokens of a user are revoked, in Unix
	// milliseconds. An earlier time does not override a later one.
	PutSignedOut(ctx context.Context, user, before int64) error
}

// Rate says how a token bucket fills: it holds at most Burst tokens, and Tokens of
// them come back in each Per.
type Rate struct {
	Tokens int
	Per    time.Duration
	Burst  int
}

// Ask is what is asked of one token bucket: to take or give back Tokens, of a take at
// least Least of them. Both numbers are cut to what the bucket can hold.
type Ask struct {
	Key           string
	Rate          Rate
	Tokens, Least int
}

// Buckets are token buckets that all processes on one cache share, by the cache's own clock.
// One that nobody has heard of, or that was lost, is full; one that is full again takes no
// memory.
type Buckets interface {
	// TakeTokens takes tokens from each bucket, all that it has when these are fewer but at
	// least Least; or from none of them: then wait is how long until the one that had too few
	// has them.
	TakeTokens(ctx context.Context, asks []Ask) (taken []int, wait time.Duration, err error)
	// ReturnTokens puts tokens back; what a bucket has no room for is lost.
	ReturnTokens(ctx context.Context, asks []Ask) error
}

// Marks are words that are remembered for a while. One that is lost is not set.
type Marks interface {
	// PutMarks sets marks for a time, from now on.
	PutMarks(ctx context.Context, keys []string, ttl time.Duration) error
	// HasMarks tells of each mark whether it is set.
	HasMarks(ctx context.Context, keys []string) ([]bool, error)
}
