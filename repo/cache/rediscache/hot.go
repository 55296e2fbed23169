package rediscache

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/wire"
)

// The mark of a conversation is the number of the newest change that its hot messages know. Where
// the mark differs from the database's newest change, the cache has missed a change, and its
// messages of the conversation are not used.

func encode(m *store.Message) []byte {
	data, err := proto.Marshal(wire.Proto(m))
	if err != nil { // only invalid UTF-8 can do this, which the contract refuses
		return nil
	}
	return data
}

// Hot returns the messages of a span, as they are after the change s.Changed, when all of them are
// there.
func (c *Cache) Hot(ctx context.Context, s store.Span) ([]store.Message, bool) {
	if s.To-s.From > cache.HotMessages {
		return nil, false
	}
	list := c.HotMany(ctx, []store.Span{s})[0]
	return list, list != nil
}

// HotMany is Hot for several spans in one round trip: nil where not all of a span is
// there. A cache that is away has none of them.
func (c *Cache) HotMany(ctx context.Context, spans []store.Span) [][]store.Message {
	out := make([][]store.Message, len(spans))
	asked := make([]hotSpan, len(spans))
	// Each command has its own error: a node of a cluster may be away alone.
	_ = c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for i, s := range spans {
			if s.To-s.From <= cache.HotMessages {
				asked[i] = askHot(ctx, pipe, s)
			}
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err // redis.Nil: there is no mark
		}
		return nil
	})
	for i, one := range asked {
		out[i] = one.messages(spans[i])
	}
	return out
}

// hotSpan holds the commands that were sent for a span.
type hotSpan struct {
	raw  *redis.StringSliceCmd
	mark *redis.StringCmd // nil: the conversation has no changes, as most
}

func askHot(ctx context.Context, rdb redis.Cmdable, s store.Span) (h hotSpan) {
	h.raw = rdb.ZRangeByScore(ctx, hotKey(s.ConversationID), &redis.ZRangeBy{
		Min: "(" + strconv.FormatUint(s.From, 10), Max: strconv.FormatUint(s.To, 10),
	})
	if s.Changed > 0 {
		h.mark = rdb.Get(ctx, hotMarkKey(s.ConversationID))
	}
	return h
}

// messages returns the messages of a span when all of them are there and the cache knows
// the span's newest change, else nil.
func (h hotSpan) messages(s store.Span) []store.Message {
	if h.raw == nil || h.raw.Err() != nil || h.mark != nil && h.mark.Val() != strconv.FormatUint(s.Changed, 10) {
		return nil
	}
	raw := h.raw.Val()
	if uint64(len(raw)) != s.To-s.From {
		return nil
	}
	out := make([]store.Message, len(raw))
	for i, data := range raw {
		var m pb.Message
		if proto.Unmarshal([]byte(data), &m) != nil || m.GetSeqId() != s.From+uint64(i)+1 {
			return nil
		}
		out[i] = wire.FromProto(&m)
	}
	return out
}

// Warm puts a conversation's newest messages, as of the change s.Changed, into the cache, unless the
// cache knows a newer change.
func (c *Cache) Warm(ctx context.Context, s store.Span, newest []store.Message) error {
	if len(newest) == 0 {
		return nil
	}
	newest = newest[max(0, len(newest)-cache.HotMessages):]
	args := make([]any, 0, 3+2*len(newest))
	args = append(args, s.Changed, int(cache.HotFor.Seconds()), cache.HotMessages)
	for i := range newest {
		args = append(args, newest[i].Seq, encode(&newest[i]))
	}
	err := c.guard.do(ctx, func(ctx context.Context) error {
		return warmScript.Run(ctx, c.rdb, []string{hotKey(s.ConversationID), hotMarkKey(s.ConversationID)}, args...).Err()
	})
	if err != nil {
		return fmt.Errorf("warm %s: %w", s.ConversationID, err)
	}
	return nil
}
