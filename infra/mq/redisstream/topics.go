package redisstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/infra/mq"
)

// sighting is how many shards a topic had when it was looked for; 0: there is none.
type sighting struct {
	shards int
	at     time.Time
}

const (
	// missingFor and thereFor are how long a sighting is believed. A write to a topic that was deleted
	// meanwhile notices it.
	missingFor = time.Second
	thereFor   = 30 * time.Second
	// mostSightings bounds the remembered topics: gateways come and go.
	mostSightings = 4096
)

// Ensure implements mq.Transport. A topic with one partition has one shard, others
// have as many as configured when they are made: keys must not move.
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
	if topic == "" || strings.Contains(topic, ":") {
		return errors.New("a topic's name must not be empty, and must have no colon in it")
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	have, err := t.scripts.ensure.Run(ctx, t.rdb, []string{t.keys.topics()}, topic, shards, t.keys.streams(topic)).Int()
	if err != nil {
		return err
	}
	t.saw(topic, have)
	return nil
}

// Delete implements mq.Transport.
func (t *Transport) Delete(ctx context.Context, names ...string) error {
	if t.isClosed() {
		return mq.ErrClosed
	}
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
	k := t.keys
	t.saw(topic, 0)
	return t.scripts.delete.Run(ctx, t.rdb, []string{k.topics(), k.groups(topic), k.trimmed(topic)}, topic,
		k.streams(topic), k.cursors(topic, ""), k.members(topic, ""), k.leases(topic)).Err()
}

// Topics lists all topics.
func (t *Transport) Topics(ctx context.Context) ([]string, error) {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	names, err := t.rdb.HKeys(ctx, t.keys.topics()).Result()
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	return names, nil
}

// shards returns how many shards a topic has; mq.ErrUnknownTopic when it is not
// there.
func (t *Transport) shards(ctx context.Context, topic string) (int, error) {
	t.mu.Lock()
	seen, ok := t.topics[topic]
	t.mu.Unlock()
	believed := missingFor
	if seen.shards > 0 {
		believed = thereFor
	}
	if !ok || time.Since(seen.at) >= believed {
		ctx, cancel := t.bounded(ctx)
		defer cancel()
		n, err := t.rdb.HGet(ctx, t.keys.topics(), topic).Int()
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

// gone reports whether Redis answers that it has no such topic; while Redis does not answer, it is not known.
func (t *Transport) gone(ctx context.Context, topic string) bool {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	there, err := t.rdb.HExists(ctx, t.keys.topics(), topic).Result()
	return err == nil && !there
}

func (t *Transport) saw(topic string, shards int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.topics) > mostSightings {
		clear(t.topics)
	}
	t.topics[topic] = sighting{shards: shards, at: time.Now()}
}

// seen returns the topics that this process has to do with, and how many shards they have.
func (t *Transport) seen() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string]int{}
	for topic, s := range t.topics {
		if s.shards > 0 {
			out[topic] = s.shards
		}
	}
	return out
}
