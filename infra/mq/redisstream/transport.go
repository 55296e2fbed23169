package redisstream

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	wredis "github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

var marshaler wredis.DefaultMarshallerUnmarshaller

// Transport implements mq.Transport on Redis streams. Safe for concurrent use.
type Transport struct {
	cfg Config
	log *zap.Logger
	rdb redis.UniversalClient
	pub *publisher

	quit     chan struct{}
	trimming sync.WaitGroup

	mu     sync.Mutex
	closed bool
	subs   map[*subscriber]struct{}
	topics map[string]sighting
}

// sighting is how many shards a topic had when it was looked for; 0: there is none.
type sighting struct {
	shards int
	at     time.Time
}

const (
	// missingFor and thereFor are how long a sighting is believed. A topic that was
	// deleted meanwhile is noticed when it is written to.
	missingFor = time.Second
	thereFor   = 30 * time.Second
)

// Open connects and looks at the server. An error is one sentence that names the
// setting at fault.
func Open(ctx context.Context, cfg Config, log *zap.Logger) (*Transport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	rdb, err := connect(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	t := &Transport{cfg: cfg, log: log, rdb: rdb, subs: map[*subscriber]struct{}{}, topics: map[string]sighting{}, quit: make(chan struct{})}
	t.pub = newPublisher(t)
	t.trimming.Go(t.trim)
	return t, nil
}

func (t *Transport) topicsKey() string { return t.cfg.Prefix + ":topics" }
func (t *Transport) streamKey(topic string, shard int) string {
	return t.cfg.Prefix + ":stream:" + topic + ":" + strconv.Itoa(shard)
}
func (t *Transport) groupsKey(topic string) string { return t.cfg.Prefix + ":groups:" + topic }
func (t *Transport) cursorKey(topic, group string) string {
	return t.cfg.Prefix + ":cursor:" + topic + ":" + group
}
func (t *Transport) membersKey(topic, group string) string {
	return t.cfg.Prefix + ":members:" + topic + ":" + group
}
func (t *Transport) leaseKey(topic, group string, shard int) string {
	return t.cfg.Prefix + ":lease:" + topic + ":" + group + ":" + strconv.Itoa(shard)
}
func (t *Transport) tokenKey() string { return t.cfg.Prefix + ":token" }

// bounded is a context for one call.
func (t *Transport) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, t.cfg.Timeout)
}

// Publisher implements mq.Transport.
func (t *Transport) Publisher() message.Publisher { return t.pub }

// Outbox implements mq.Transport. Every publish is all or none here, and leaves
// nothing open that a successor would have to fence, whatever the id.
func (t *Transport) Outbox(string) (mq.Outbox, error) {
	if t.isClosed() {
		return nil, mq.ErrClosed
	}
	return outbox{t.pub}, nil
}

// Ensure implements mq.Transport. A topic with one partition has one shard, others
// have as many as configured.
func (t *Transport) Ensure(ctx context.Context, topics ...mq.Topic) error {
	if t.isClosed() {
		return mq.ErrClosed
	}
	for _, topic := range topics {
		shards := t.cfg.Shards
		if topic.Partitions == 1 {
			shards = 1
		}
		if err := t.ensure(ctx, topic.Name, shards); err != nil {
			return fmt.Errorf("make topic %s: %w", topic.Name, err)
		}
	}
	return nil
}

func (t *Transport) ensure(ctx context.Context, topic string, shards int) error {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	// Whoever was first says how many shards there are: keys must not move.
	if err := t.rdb.HSetNX(ctx, t.topicsKey(), topic, shards).Err(); err != nil {
		return err
	}
	have, err := t.rdb.HGet(ctx, t.topicsKey(), topic).Int()
	if err != nil {
		return err
	}
	pipe := t.rdb.Pipeline()
	for s := range have {
		ensureScript.Eval(ctx, pipe, []string{t.streamKey(topic, s)})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	t.saw(topic, have)
	return nil
}

// shards returns how many shards a topic has; mq.ErrUnknownTopic when it is not
// there.
func (t *Transport) shards(ctx context.Context, topic string) (int, error) {
	t.mu.Lock()
	seen, ok := t.topics[topic]
	t.mu.Unlock()
	if ok && seen.shards > 0 && time.Since(seen.at) < thereFor {
		return seen.shards, nil
	}
	if !ok || seen.shards > 0 || time.Since(seen.at) >= missingFor {
		ctx, cancel := t.bounded(ctx)
		defer cancel()
		n, err := t.rdb.HGet(ctx, t.topicsKey(), topic).Int()
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, fmt.Errorf("look for topic %s: %w", topic, err)
		}
		t.saw(topic, n)
		seen.shards = n
	}
	if seen.shards == 0 {
		return 0, fmt.Errorf("%w: %s", mq.ErrUnknownTopic, topic)
	}
	return seen.shards, nil
}

func (t *Transport) saw(topic string, shards int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if len(t.topics) > 4096 { // gateways come and go
		clear(t.topics)
	}
	t.topics[topic] = sighting{shards: shards, at: now}
}

func (t *Transport) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// shardOf is the shard of a key; it is the same in every process.
func shardOf(m *message.Message, shards int) int {
	key := m.Metadata[mq.KeyMetadata]
	if key == "" {
		key = m.UUID
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))            // never fails
	return int(h.Sum32() % uint32(shards)) //nolint:gosec // at most 1024
}

// Delete implements mq.Transport.
func (t *Transport) Delete(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		if err := t.delete(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("delete topic %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (t *Transport) delete(ctx context.Context, topic string) error {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	shards, err := t.rdb.HGet(ctx, t.topicsKey(), topic).Int()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	groups, err := t.rdb.SMembers(ctx, t.groupsKey(topic)).Result()
	if err != nil {
		return err
	}
	keys := []string{t.groupsKey(topic)}
	for s := range shards {
		keys = append(keys, t.streamKey(topic, s))
	}
	for _, g := range groups {
		keys = append(keys, t.cursorKey(topic, g), t.membersKey(topic, g))
	}
	_, err = t.rdb.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.HDel(ctx, t.topicsKey(), topic)
		pipe.Unlink(ctx, keys...)
		return nil
	})
	t.saw(topic, 0)
	return err
}

// Topics lists all topics.
func (t *Transport) Topics(ctx context.Context) ([]string, error) {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	names, err := t.rdb.HKeys(ctx, t.topicsKey()).Result()
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	return names, nil
}

// Health asks for a sign of life.
func (t *Transport) Health(ctx context.Context) error {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	if err := t.rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping Redis: %w", err)
	}
	return nil
}

// Close implements mq.Transport.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	subs := make([]*subscriber, 0, len(t.subs))
	for s := range t.subs {
		subs = append(subs, s)
	}
	t.mu.Unlock()
	var closing sync.WaitGroup
	for _, s := range subs {
		closing.Go(func() { _ = s.Close() }) // it has no error to tell
	}
	closing.Wait()
	t.pub.close()
	close(t.quit)
	t.trimming.Wait()
	if err := t.rdb.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close the connections to Redis: %w", err)
	}
	return nil
}
