// Package rediscache keeps in Redis what the database could answer more slowly.
// All of it may vanish at any moment: errors and misses send the caller to the
// database, and nothing is lost.
package rediscache

import (
	_ "embed" // the scripts
	"errors"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/store"
)

var (
	//go:embed scripts/allocate.lua
	allocateSource string
	//go:embed scripts/commit.lua
	commitSource string
	//go:embed scripts/newer.lua
	newerSource string
	//go:embed scripts/warm.lua
	warmSource string

	allocateScript = redis.NewScript(allocateSource)
	commitScript   = redis.NewScript(commitSource)
	newerScript    = redis.NewScript(newerSource)
	warmScript     = redis.NewScript(warmSource)
)

// Cache is safe for concurrent use.
type Cache struct {
	rdb redis.UniversalClient
	// slots: Redis is a cluster, where keys of different conversations may not be in one call.
	slots   bool
	guard   guard
	buckets *kv.Buckets
}

// New returns a cache on a client. Close ends it.
func New(rdb redis.UniversalClient) *Cache {
	_, cluster := rdb.(*redis.ClusterClient)
	return &Cache{rdb: rdb, slots: cluster, guard: newGuard(rdb), buckets: kv.NewBuckets(rdb)}
}

// Close ends the probes of a Redis that is away, within a second at most; the client stays open.
func (c *Cache) Close() { c.guard.Close() }

func seqKey(conv string) string     { return seqPrefix + conv + "}" }
func hotKey(conv string) string     { return hotPrefix + conv + "}" }
func hotMarkKey(conv string) string { return hotMarkPrefix + conv + "}" }
func userKey(id int64) string       { return userPrefix + strconv.FormatInt(id, 10) + "}" }
func tokenKey(id string) string     { return tokenPrefix + id + "}" }
func dedupKey(k store.ClientKey) string {
	return dedupPrefix + k.ConversationID + "}:" + strconv.FormatInt(k.SenderID, 10) + ":" + k.ClientID
}

// dedupValue is what is remembered of a stored message.
func dedupValue(m *store.Message) string {
	return strconv.FormatUint(m.Seq, 10) + ":" + strconv.FormatInt(m.ID, 10) + ":" + strconv.FormatInt(m.Timestamp, 10)
}

// parseDedup reads what dedupValue wrote. A value that is only a proposed number is no hit.
func parseDedup(v string) (m store.Message, hit bool) {
	parts := strings.Split(v, ":")
	if len(parts) != 3 {
		return m, false
	}
	seq, err1 := strconv.ParseUint(parts[0], 10, 64)
	id, err2 := strconv.ParseInt(parts[1], 10, 64)
	at, err3 := strconv.ParseInt(parts[2], 10, 64)
	if errors.Join(err1, err2, err3) != nil {
		return m, false
	}
	return store.Message{Seq: seq, ID: id, Timestamp: at}, true
}
