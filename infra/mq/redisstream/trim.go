package redisstream

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// trimEvery is between two rounds.
const trimEvery = 5 * time.Second

// trim drops what nobody waits for from the topics that this process knows, until
// the transport closes. Several processes may do the same: a script decides what
// goes, by the cursors of all groups.
func (t *Transport) trim() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-t.quit:
			return
		}
		for topic, shards := range t.known() {
			select {
			case <-t.quit:
				return
			default:
			}
			if err := t.trimTopic(ctx, topic, shards); err != nil {
				t.log.Debug("a topic was not trimmed", zap.String("topic", topic), zap.Error(err))
				break // the server is away
			}
		}
	}
}

func (t *Transport) known() map[string]int {
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

func (t *Transport) trimTopic(ctx context.Context, topic string, shards int) error {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	groups, err := t.rdb.SMembers(ctx, t.groupsKey(topic)).Result()
	if err != nil {
		return fmt.Errorf("list the groups of %s: %w", topic, err)
	}
	for s := range shards {
		keys := []string{t.streamKey(topic, s)}
		for _, g := range groups {
			keys = append(keys, t.cursorKey(topic, g))
		}
		if err := trimScript.Run(ctx, t.rdb, keys, s, t.cfg.Retain).Err(); err != nil {
			return fmt.Errorf("trim shard %d of %s: %w", s, topic, err)
		}
	}
	return nil
}

// lagLimit is how far a group may be behind in one shard to be counted to the last
// entry.
const lagLimit = 10_000

// Lag returns for each topic and group how many entries are beyond the group's
// cursors; at most lagLimit for each shard.
func (t *Transport) Lag(ctx context.Context) (map[string]map[string]uint64, error) {
	topics, err := t.Topics(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]uint64{}
	for _, topic := range topics {
		if err := t.lagOf(ctx, topic, out); err != nil {
			return nil, fmt.Errorf("ask for the lag in %s: %w", topic, err)
		}
	}
	return out, nil
}

func (t *Transport) lagOf(ctx context.Context, topic string, out map[string]map[string]uint64) error {
	shards, err := t.shards(ctx, topic)
	if err != nil {
		return err
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	groups, err := t.rdb.SMembers(ctx, t.groupsKey(topic)).Result()
	if err != nil {
		return err
	}
	for _, g := range groups {
		var sum uint64
		for s := range shards {
			n, err := lagScript.Run(ctx, t.rdb, []string{t.streamKey(topic, s), t.cursorKey(topic, g)}, s, lagLimit).Uint64()
			if err != nil {
				return err
			}
			sum += n
		}
		if out[topic] == nil {
			out[topic] = map[string]uint64{}
		}
		out[topic][g] = sum
	}
	return nil
}
