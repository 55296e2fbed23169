package redisstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

const (
	// readBlock is how long a read waits for entries.
	readBlock = 500 * time.Millisecond
	// readCount is how many entries a read takes of all streams together, and readLeast the least that it may
	// take of each.
	readCount, readLeast = 2048, 32
	// retryPause is between two tries to reach the server.
	retryPause = 200 * time.Millisecond
)

// read waits for entries behind the ids of from and hands them to take, until ctx is done or take returns
// false. from is asked before each call to Redis; all streams are in one call, so that a reader needs one
// connection.
func (t *Transport) read(ctx context.Context, from func() map[string]string, take func(stream string, m redis.XMessage) bool, log *zap.Logger) {
	complained := false
	for ctx.Err() == nil {
		at := from()
		if len(at) == 0 {
			pause.For(ctx.Done(), retryPause)
			continue
		}
		streams, err := t.readOnce(ctx, at)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if !complained {
				log.Warn("Redis does not answer; reading goes on when it does", zap.Error(err))
			}
			complained = true
			pause.For(ctx.Done(), retryPause)
			continue
		}
		complained = false
		for _, st := range streams {
			for _, m := range st.Messages {
				if !take(st.Stream, m) {
					return
				}
			}
		}
	}
}

func (t *Transport) readOnce(ctx context.Context, at map[string]string) ([]redis.XStream, error) {
	args := &redis.XReadArgs{Count: int64(max(readLeast, readCount/len(at))), Block: readBlock}
	ids := make([]string, 0, len(at))
	for stream, id := range at {
		args.Streams = append(args.Streams, stream)
		ids = append(ids, id)
	}
	args.Streams = append(args.Streams, ids...)
	ctx, cancel := context.WithTimeout(ctx, readBlock+t.cfg.Timeout)
	defer cancel()
	streams, err := t.rdb.XRead(ctx, args).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil // nothing new
	}
	return streams, err
}

// begin returns, by stream, the ids behind which reading begins.
func (t *Transport) begin(ctx context.Context, topic string, shards int, start mq.Start) (map[string]string, error) {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	from := map[string]string{}
	for _, key := range t.keys.all(topic, shards) {
		from[key] = "0-0"
		if start != mq.StartNewest {
			continue
		}
		newest, err := t.rdb.XRevRangeN(ctx, key, "+", "-", 1).Result()
		if err != nil {
			return nil, fmt.Errorf("look for the end of %s: %w", key, err)
		}
		if len(newest) > 0 {
			from[key] = newest[0].ID
		}
	}
	return from, nil
}

// tailCheck is how often a reader without a group asks whether its topic is still there: Redis answers a read of a
// deleted stream as it answers one of an idle stream.
const tailCheck = 5 * time.Second

// tail reads all shards without a group. It ends when the topic is deleted: nothing more would come, and its caller
// has to know.
func (s *subscriber) tail(ctx context.Context, topic string, from map[string]string, out chan<- *message.Message, log *zap.Logger) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	checked := time.Now()
	check := func() {
		if time.Since(checked) < tailCheck {
			return
		}
		if checked = time.Now(); s.t.gone(ctx, topic) {
			log.Info("the topic was deleted; its reader ends")
			cancel()
		}
	}
	lanes := mq.NewLanes(ctx, s.cfg, out)
	defer lanes.Drain()
	sources := map[string]*mq.Source{}
	offsets := map[string]uint64{}
	for key := range from {
		sources[key] = lanes.Source(func(uint64) {})
	}
	s.t.read(ctx, func() map[string]string { check(); return from }, func(stream string, m redis.XMessage) bool {
		offsets[stream]++
		from[stream] = m.ID
		return sources[stream].Feed(ctx, mq.Record{Offset: offsets[stream], Message: decode(m)})
	}, log)
}

// decode never fails: an entry that Watermill did not write is handed on as it is,
// for its handler to refuse.
func decode(x redis.XMessage) *message.Message {
	m, err := marshaler.Unmarshal(x.Values)
	if err != nil {
		payload, _ := x.Values["payload"].(string)
		m = message.NewMessage(x.ID, []byte(payload))
	}
	if m.Metadata == nil {
		m.Metadata = message.Metadata{}
	}
	return m
}
