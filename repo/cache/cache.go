// Package cache is the contract of what stands in front of the database. It has two drivers:
// cache/rediscache in a Redis that many processes share, and cache/memory in this process. Package
// cachetest tests both.
//
// Everything that a [Cache] holds may vanish at any moment, in part or as a whole, and the cache may
// be away for a while. The database has the same data or can do without it: after an error or a
// miss the caller asks the database, nothing is lost, and nothing is stored twice. So an
// error of a method is only for the log. [Sessions] are in no database; gateways put them again.
//
// All methods are safe for concurrent use. A method waits for a server at most half a second at a
// time; some ask a server several times.
package cache

import (
	"context"
	"errors"
	"time"

	"github.com/gochat/gochat/repo/store"
)

// ErrAway says that the cache was not asked at all, because it did not answer a moment ago.
var ErrAway = errors.New("the cache did not answer a moment ago")

// HotMessages is how many of a conversation's newest messages a cache keeps.
const HotMessages = 300

// For how long entries are kept, unless there is no room for them.
const (
	// GivenFor is how long a proposed number is kept for a send that is not stored yet. An outage
	// may last that long, and a second number for the same send would put the counter ahead of
	// the database.
	GivenFor = 24 * time.Hour
	// StoredFor is how long the ids of a stored message are kept. A send that is repeated later
	// is answered by the database.
	StoredFor = time.Minute
	// HotFor is how long a conversation's hot messages are kept after its newest one.
	HotFor = 7 * 24 * time.Hour
	// UserFor is how long a user's profile is kept.
	UserFor = 24 * time.Hour
	// TokenFor is how long the state of a token is kept. It bounds how long other processes accept
	// a token whose revocation the cache could not be told.
	TokenFor = time.Minute
)

// Cache is everything that is cached of the database, and the limits: token buckets and marks.
type Cache interface { //nolint:interfacebloat // put together of small ones
	Numbers
	Hot
	Follower
	Users
	Tokens
	Buckets
	Marks
}

// Numbers proposes numbers for sends. After a loss the next caller seeds the counters from the
// database. The storing transaction gives the real number, whatever was proposed.
type Numbers interface {
	// Stored returns what is known of sends that are stored: one message per key, in order, with
	// ids, number and time. An ID of 0 is a miss: the send may be stored or not.
	Stored(ctx context.Context, keys []store.ClientKey) ([]store.Message, error)
	// Allocate proposes a number for each key, in order: the number that the key was given before
	// (for GivenFor), else the next one of its conversation, or 0 when the conversation's counter
	// is missing. No two keys get the same number while the counter is kept.
	Allocate(ctx context.Context, keys []store.ClientKey) ([]uint64, error)
	// Seed sets missing counters to last, the newest numbers in the database. A counter that
	// exists stays as it is.
	Seed(ctx context.Context, last map[string]uint64) error
}

// Hot keeps the newest messages of conversations. For each conversation it has a mark, the number
// of the newest change that it knows. Where the mark differs from the database's newest change,
// the cache has missed a change and all its messages of the conversation count as missing.
type Hot interface {
	// Hot returns the messages of a span, as they are after the change s.Changed, when all of them
	// are there; else false. The caller may modify the slice, but not a message's Extra.
	Hot(ctx context.Context, s store.Span) ([]store.Message, bool)
	// HotMany is Hot for several spans, in order: nil for a span of which not all is there.
	HotMany(ctx context.Context, spans []store.Span) [][]store.Message
	// Warm keeps a conversation's newest messages, ascending, of which the last HotMessages. They
	// are as of the change s.Changed: when the cache knows a newer change, it keeps none of them.
	Warm(ctx context.Context, s store.Span, newest []store.Message) error
	// Expire removes messages that have expired. Of a conversation where nothing has expired just
	// now (Messages is 0) it removes all messages: a process may have been killed between expiring
	// them in the database and this call.
	Expire(ctx context.Context, done []store.Expired) error
}

// Follower is told of each transaction that stored messages.
type Follower interface {
	// Follow takes over what a transaction did: the ids of stored messages, for StoredFor, hot
	// messages, and counters. No counter is below the database's last number afterwards; a
	// counter whose newest proposed number was not used goes back to the last number. Missing a
	// transaction leaves gaps, which readers notice and fill from the database.
	Follow(ctx context.Context, done []store.Committed) error
}

// Users keeps profiles.
type Users interface {
	// Users returns the cached ones of the users, by id.
	Users(ctx context.Context, ids []int64) map[int64]store.User
	// PutUsers keeps users for UserFor. A user of whom a newer version is cached is skipped.
	PutUsers(ctx context.Context, users ...store.User) error
}

// Tokens keeps the state of tokens. A revocation that is lost here is still in the database, which
// is asked after a miss.
type Tokens interface {
	// TokenChecked returns the state of a token and, when t names a device, of that device; known
	// is false when the database has to be asked.
	TokenChecked(ctx context.Context, t store.UsedToken) (state store.TokenState, known bool)
	// PutTokenChecked keeps for TokenFor the state that the database has of a token that is not
	// revoked. It never overrides an entry: the caller may have read before a revocation.
	PutTokenChecked(ctx context.Context, t store.UsedToken, state store.TokenState) error
	// PutTokensRevoked marks tokens as revoked, whatever was kept of them, until they expire and
	// for TokenFor at least. This call and the two below reach the cache even when it did not
	// answer a moment ago: without them its entries are wrong.
	PutTokensRevoked(ctx context.Context, tokens ...store.Token) error
	// PutDeviceRevoked keeps for TokenFor the time at which a device was revoked, in Unix
	// milliseconds. An earlier time does not override a later one.
	PutDeviceRevoked(ctx context.Context, device store.DeviceKey, at int64) error
	// PutSignedOut keeps for TokenFor the time, in Unix milliseconds, before which a user's tokens
	// are revoked. An earlier time does not override a later one.
	PutSignedOut(ctx context.Context, user, before int64) error
}

// Rate says how a token bucket fills: it holds at most Burst tokens, and Tokens of
// them come back in each Per.
type Rate struct {
	Tokens int
	Per    time.Duration
	Burst  int
}

// Ask is a request to one token bucket: to take Tokens, or at least Least of them, or to give
// Tokens back. Both numbers are cut to Rate.Burst.
type Ask struct {
	Key           string
	Rate          Rate
	Tokens, Least int
}

// Buckets are token buckets that all processes on one cache share, filled by the cache's own clock.
// An unknown or lost bucket is full; a full bucket takes no memory.
type Buckets interface {
	// TakeTokens takes tokens from every bucket: Tokens, or what the bucket has when that is less
	// but at least Least. When one bucket has fewer, none is taken from any; then taken is empty
	// and wait is how long until that bucket has Least.
	TakeTokens(ctx context.Context, asks []Ask) (taken []int, wait time.Duration, err error)
	// ReturnTokens gives tokens back to buckets, up to Burst in each.
	ReturnTokens(ctx context.Context, asks []Ask) error
}

// Marks are keys that are set for some time. A lost mark counts as not set.
type Marks interface {
	// PutMarks sets marks for ttl from now on, also those that are set already.
	PutMarks(ctx context.Context, keys []string, ttl time.Duration) error
	// HasMarks reports for each key, in order, whether its mark is set.
	HasMarks(ctx context.Context, keys []string) ([]bool, error)
}
