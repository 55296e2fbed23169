package redisstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// subscriber implements message.Subscriber: each Subscribe is a member of the
// group, or, without a group, a reader of its own.
type subscriber struct {
	t   *Transport
	cfg mq.SubscriberConfig

	closing chan struct{}
	once    sync.Once
	running sync.WaitGroup
	mu      sync.Mutex
	closed  bool
}

// Subscriber implements mq.Transport.
func (t *Transport) Subscriber(cfg mq.SubscriberConfig) (message.Subscriber, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &subscriber{t: t, cfg: cfg, closing: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, mq.ErrClosed
	}
	t.subs[s] = struct{}{}
	return s, nil
}

// Subscribe implements message.Subscriber. The channel is closed when ctx is done
// or the subscriber closes, after the drain.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, mq.ErrClosed
	}
	shards, err := s.t.shards(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	log := s.t.log.With(zap.String("topic", topic), zap.String("group", s.cfg.Group))
	var run func(context.Context)
	if s.cfg.Group == "" {
		from, err := s.begin(ctx, topic, shards)
		if err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
		}
		run = func(ctx context.Context) { s.tail(ctx, from, out, log) }
	} else {
		m := &member{s: s, topic: topic, shards: shards, id: uuid.NewString(), out: out, log: log}
		if err := m.enroll(ctx); err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
		}
		run = m.run
	}
	s.running.Go(func() {
		defer close(out)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s.running.Go(func() {
			select {
			case <-s.closing:
				cancel()
			case <-ctx.Done():
			}
		})
		run(ctx)
	})
	return out, nil
}

// Close drains and gives up the shards.
func (s *subscriber) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		close(s.closing)
		s.t.mu.Lock()
		delete(s.t.subs, s)
		s.t.mu.Unlock()
	})
	s.running.Wait()
	return nil
}

// begin returns where reading begins, by stream.
func (s *subscriber) begin(ctx context.Context, topic string, shards int) (map[string]string, error) {
	ctx, cancel := s.t.bounded(ctx)
	defer cancel()
	from := map[string]string{}
	for shard := range shards {
		key := s.t.streamKey(topic, shard)
		from[key] = "0-0"
		if s.cfg.Start != mq.StartNewest {
			continue
		}
		newest, err := s.t.rdb.XRevRangeN(ctx, key, "+", "-", 1).Result()
		if err != nil {
			return nil, fmt.Errorf("look for the end of %s: %w", key, err)
		}
		if len(newest) > 0 {
			from[key] = newest[0].ID
		}
	}
	return from, nil
}

const (
	// readBlock is how long a read waits for entries, readCount how many of a stream it
	// takes.
	readBlock = 500 * time.Millisecond
	readCount = 512
	// retryPause is between two tries to reach the server.
	retryPause = 200 * time.Millisecond
)

// read waits for entries beyond those in from and hands them to take, until ctx is
// done or take says so. from is read before each call to Redis.
func (t *Transport) read(ctx context.Context, from func() map[string]string, take func(stream string, m redis.XMessage) bool, log *zap.Logger) {
	complained := false
	for ctx.Err() == nil {
		at := from()
		if len(at) == 0 {
			wait(ctx, retryPause)
			continue
		}
		args := &redis.XReadArgs{Count: readCount, Block: readBlock}
		ids := make([]string, 0, len(at))
		for stream, id := range at {
			args.Streams = append(args.Streams, stream)
			ids = append(ids, id)
		}
		args.Streams = append(args.Streams, ids...)
		// go-redis adds the block to the time that it waits for an answer.
		streams, err := t.rdb.XRead(ctx, args).Result()
		switch {
		case err == redis.Nil || ctx.Err() != nil: //nolint:errorlint // the library's own comparison
			continue
		case err != nil:
			if !complained {
				log.Warn("Redis does not answer; reading goes on when it does", zap.Error(err))
			}
			complained = true
			wait(ctx, retryPause)
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

// tail reads all shards without a group.
func (s *subscriber) tail(ctx context.Context, from map[string]string, out chan<- *message.Message, log *zap.Logger) {
	lanes := mq.NewLanes(ctx, s.cfg, out)
	defer lanes.Drain()
	sources := map[string]*mq.Source{}
	offsets := map[string]uint64{}
	for key := range from {
		sources[key] = lanes.Source(func(uint64) {})
	}
	s.t.read(ctx, func() map[string]string { return from }, func(stream string, m redis.XMessage) bool {
		offsets[stream]++
		if !sources[stream].Feed(ctx, mq.Record{Offset: offsets[stream], Message: decode(m)}) {
			return false
		}
		from[stream] = m.ID
		return true
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
