// Package rediscache keeps in Redis what the database could answer more slowly.
// All of it may vanish at any moment: errors and misses send the caller to the
// database, and nothing is lost.
package rediscache

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

var (
	//go:embed scripts/allocate.lua
	allocateSource string
	//go:embed scripts/commit.lua
	commitSource string
	//go:embed scripts/newer.lua
	newerSource string
	//go:embed scripts/forget.lua
	forgetSource string

	allocateScript = redis.NewScript(allocateSource)
	commitScript   = redis.NewScript(commitSource)
	newerScript    = redis.NewScript(newerSource)
	forgetScript   = redis.NewScript(forgetSource)
)

// How long things are kept.
const (
	// givenTTL: an outage may last that long, and a second number would have to be
	// corrected by the database.
	givenTTL  = 24 * time.Hour
	storedTTL = time.Minute
	hotTTL    = 7 * 24 * time.Hour
	userTTL   = 24 * time.Hour
	tokenTTL  = time.Minute

	// hotMessages is how many of a conversation's newest messages are kept.
	hotMessages = 300
)

// Cache is safe for concurrent use.
type Cache struct {
	rdb redis.UniversalClient
	// slots: keys of different conversations may not be in one call.
	slots bool
}

// New returns a cache on a client.
func New(rdb redis.UniversalClient) *Cache {
	_, cluster := rdb.(*redis.ClusterClient)
	return &Cache{rdb: rdb, slots: cluster}
}

// Braces are hash tags: all keys of a conversation are in one slot.
func seqKey(conv string) string { return "conv_seq:{" + conv + "}" }
func hotKey(conv string) string { return "hot_messages:{" + conv + "}" }
func userKey(id int64) string   { return "user_info:{" + strconv.FormatInt(id, 10) + "}" }
func tokenKey(id string) string { return "token:{" + id + "}" }
func dedupKey(k store.ClientKey) string {
	return "msg_dedup:{" + k.ConversationID + "}:" + strconv.FormatInt(k.SenderID, 10) + ":" + k.ClientID
}

// dedupValue is what is remembered of a stored message.
func dedupValue(m *store.Message) string {
	return strconv.FormatUint(m.Seq, 10) + ":" + strconv.FormatInt(m.ID, 10) + ":" + strconv.FormatInt(m.Timestamp, 10)
}

// parseDedup reads a value back; only a number that was given is no hit.
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

// Stored asks which sends are known to be stored. The result has one message per
// key with ids, number and time; an ID of 0 is a miss.
func (c *Cache) Stored(ctx context.Context, keys []store.ClientKey) ([]store.Message, error) {
	pipe := c.rdb.Pipeline()
	cmds := make([]*redis.StringCmd, len(keys))
	for i, k := range keys {
		cmds[i] = pipe.Get(ctx, dedupKey(k))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("look %d sends up in the cache: %w", len(keys), err)
	}
	out := make([]store.Message, len(keys))
	for i, cmd := range cmds {
		if m, hit := parseDedup(cmd.Val()); hit {
			m.ConversationID, m.SenderID, m.ClientID = keys[i].ConversationID, keys[i].SenderID, keys[i].ClientID
			out[i] = m
		}
	}
	return out, nil
}

// Allocate gives each key its number: the one given before, the next one, or 0
// when the conversation's counter is missing.
func (c *Cache) Allocate(ctx context.Context, keys []store.ClientKey) ([]uint64, error) {
	out := make([]uint64, len(keys))
	var failed error
	c.grouped(len(keys), func(i int) string { return keys[i].ConversationID }, func(group []int) {
		names := make([]string, 0, 2*len(group))
		for _, i := range group {
			names = append(names, seqKey(keys[i].ConversationID), dedupKey(keys[i]))
		}
		numbers, err := allocateScript.Run(ctx, c.rdb, names, int(givenTTL.Seconds())).Int64Slice()
		if err != nil || len(numbers) != len(group) {
			failed = fmt.Errorf("take %d numbers from the cache: %w", len(group), err)
			return
		}
		for j, i := range group {
			out[i] = uint64(numbers[j])
		}
	})
	return out, failed
}

// grouped calls do with the indexes that may be in one call: all of them, or
// those of one conversation on a cluster.
func (c *Cache) grouped(n int, conv func(int) string, do func([]int)) {
	all := make([]int, n)
	groups := map[string][]int{}
	for i := range all {
		all[i] = i
		if c.slots {
			groups[conv(i)] = append(groups[conv(i)], i)
		}
	}
	if !c.slots {
		do(all)
		return
	}
	for _, g := range groups {
		do(g)
	}
}

// Seed sets counters that are missing.
func (c *Cache) Seed(ctx context.Context, last map[string]uint64) error {
	pipe := c.rdb.Pipeline()
	for conv, seq := range last {
		pipe.SetNX(ctx, seqKey(conv), seq, 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("seed %d counters: %w", len(last), err)
	}
	return nil
}

// Follow lets the cache follow a transaction: ids of what is stored, hot
// messages, counters.
func (c *Cache) Follow(ctx context.Context, done []store.Committed) error {
	var failed error
	c.grouped(len(done), func(i int) string { return done[i].ConversationID }, func(group []int) {
		keys := make([]string, 0, 8*len(group))
		args := make([]any, 0, 16*len(group))
		args = append(args, int(storedTTL.Seconds()), int(hotTTL.Seconds()), hotMessages)
		for _, i := range group {
			keys, args = follow(keys, args, &done[i])
		}
		if err := commitScript.Run(ctx, c.rdb, keys, args...).Err(); err != nil {
			failed = fmt.Errorf("let the cache follow %d conversations: %w", len(group), err)
		}
	})
	return failed
}

func follow(keys []string, args []any, d *store.Committed) ([]string, []any) {
	keys = append(keys, seqKey(d.ConversationID), hotKey(d.ConversationID))
	hot := d.Stored[max(0, len(d.Stored)-hotMessages):]
	args = append(args, d.LastSeq, d.TopProposed, len(d.Stored)+len(d.Known), len(d.Refused), len(hot))
	for _, list := range [][]store.Message{d.Stored, d.Known} {
		for i := range list {
			keys = append(keys, dedupKey(list[i].Key()))
			args = append(args, dedupValue(&list[i]))
		}
	}
	for _, k := range d.Refused {
		keys = append(keys, dedupKey(k))
	}
	for i := range hot {
		args = append(args, hot[i].Seq, encode(&hot[i]))
	}
	return keys, args
}

func encode(m *store.Message) []byte {
	data, err := proto.Marshal(Proto(m))
	if err != nil { // only invalid UTF-8 can do this, which the contract refuses
		return nil
	}
	return data
}

// Proto returns a message as it crosses process borders.
func Proto(m *store.Message) *pb.Message {
	return &pb.Message{
		MessageId: m.ID, ConversationId: m.ConversationID, SeqId: m.Seq, SenderId: m.SenderID,
		Content: m.Content, MessageType: m.Type, TempMessageId: m.ClientID, Timestamp: m.Timestamp,
	}
}

// FromProto is the other way.
func FromProto(m *pb.Message) store.Message {
	return store.Message{
		ID: m.GetMessageId(), ConversationID: m.GetConversationId(), Seq: m.GetSeqId(), SenderID: m.GetSenderId(),
		Content: m.GetContent(), Type: m.GetMessageType(), ClientID: m.GetTempMessageId(), Timestamp: m.GetTimestamp(),
	}
}

// Hot returns the messages of a span when all of them are there.
func (c *Cache) Hot(ctx context.Context, s store.Span) ([]store.Message, bool) {
	if s.To-s.From > hotMessages {
		return nil, false
	}
	raw, err := c.rdb.ZRangeByScore(ctx, hotKey(s.ConversationID), &redis.ZRangeBy{
		Min: "(" + strconv.FormatUint(s.From, 10), Max: strconv.FormatUint(s.To, 10),
	}).Result()
	if err != nil || uint64(len(raw)) != s.To-s.From {
		return nil, false
	}
	out := make([]store.Message, len(raw))
	for i, data := range raw {
		var m pb.Message
		if proto.Unmarshal([]byte(data), &m) != nil || m.GetSeqId() != s.From+uint64(i)+1 {
			return nil, false
		}
		out[i] = FromProto(&m)
	}
	return out, true
}

// Warm puts a conversation's newest messages into the cache.
func (c *Cache) Warm(ctx context.Context, conv string, newest []store.Message) error {
	if len(newest) == 0 {
		return nil
	}
	members := make([]redis.Z, len(newest))
	for i := range newest {
		members[i] = redis.Z{Score: float64(newest[i].Seq), Member: encode(&newest[i])}
	}
	pipe := c.rdb.Pipeline()
	pipe.ZAdd(ctx, hotKey(conv), members...)
	pipe.ZRemRangeByRank(ctx, hotKey(conv), 0, -hotMessages-1)
	pipe.Expire(ctx, hotKey(conv), hotTTL)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("warm %s: %w", conv, err)
	}
	return nil
}
