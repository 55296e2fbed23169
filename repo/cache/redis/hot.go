package rediscache

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

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
	var raw []string
	err := c.guard.do(ctx, func(ctx context.Context) (err error) {
		raw, err = askHot(ctx, c.rdb, s).Result()
		return err
	})
	if err != nil {
		return nil, false
	}
	return decodeHot(s, raw)
}

// HotMany is Hot for several spans in one round trip: nil where not all of a span is
// there. A cache that is away has none of them.
func (c *Cache) HotMany(ctx context.Context, spans []store.Span) [][]store.Message {
	out := make([][]store.Message, len(spans))
	cmds := make([]*redis.StringSliceCmd, len(spans))
	// Each command has its own error: a node of a cluster may be away alone.
	_ = c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for i, s := range spans {
			if s.To-s.From <= hotMessages {
				cmds[i] = askHot(ctx, pipe, s)
			}
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	for i, cmd := range cmds {
		if cmd != nil && cmd.Err() == nil {
			out[i], _ = decodeHot(spans[i], cmd.Val())
		}
	}
	return out
}

func askHot(ctx context.Context, rdb redis.Cmdable, s store.Span) *redis.StringSliceCmd {
	return rdb.ZRangeByScore(ctx, hotKey(s.ConversationID), &redis.ZRangeBy{
		Min: "(" + strconv.FormatUint(s.From, 10), Max: strconv.FormatUint(s.To, 10),
	})
}

// decodeHot returns the messages of a span when all of them are there.
func decodeHot(s store.Span, raw []string) ([]store.Message, bool) {
	if uint64(len(raw)) != s.To-s.From {
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
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		pipe.ZAdd(ctx, hotKey(conv), members...)
		pipe.ZRemRangeByRank(ctx, hotKey(conv), 0, -hotMessages-1)
		pipe.Expire(ctx, hotKey(conv), hotTTL)
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("warm %s: %w", conv, err)
	}
	return nil
}
