package redisstream

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

const (
	// trimEvery is between two rounds.
	trimEvery = 2 * time.Second
	// trimAgain is the number of dropped entries from which a topic is trimmed again at once: Redis drops at
	// most 10,000 entries of a stream at a time, and fewer when there is no more to drop.
	trimAgain = 5_000
)

// trim drops entries that no group needs from the topics that this process has to do with, until ctx is done.
// Several processes may trim the same topic: the script decides by the cursors of all groups.
func (t *Transport) trim(ctx context.Context) {
	for pause.For(ctx.Done(), trimEvery) {
		for topic, shards := range t.seen() {
			for again := true; again && ctx.Err() == nil; {
				dropped, err := t.trimTopic(ctx, topic, shards)
				if err != nil {
					t.log.Debug("a topic was not trimmed", zap.String("topic", topic), zap.Error(err))
				}
				again = err == nil && dropped >= trimAgain
			}
		}
	}
}

// trimTopic returns how many entries were dropped of the stream that lost most.
func (t *Transport) trimTopic(ctx context.Context, topic string, shards int) (dropped int, err error) {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	groups, err := t.rdb.SMembers(ctx, t.keys.groups(topic)).Result()
	if err != nil {
		return 0, fmt.Errorf("list the groups of %s: %w", topic, err)
	}
	names := append([]string{t.keys.topics(), t.keys.trimmed(topic)}, t.keys.all(topic, shards)...)
	for _, group := range groups {
		names = append(names, t.keys.cursors(topic, group))
	}
	dropped, err = t.scripts.trim.Run(ctx, t.rdb, names, topic, shards, t.cfg.Retain).Int()
	if err != nil {
		return 0, fmt.Errorf("trim %s: %w", topic, err)
	}
	if dropped < 0 {
		t.saw(topic, 0)
	}
	return dropped, nil
}

// Lag returns for each of the readers how many entries are beyond its cursors; a reader whose topic or group
// does not exist is left out.
func (t *Transport) Lag(ctx context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error) {
	bounded, cancel := t.bounded(ctx)
	defer cancel()
	topics, err := t.rdb.HGetAll(bounded, t.keys.topics()).Result()
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	out := map[mq.Reader]uint64{}
	for _, r := range of {
		text, there := topics[r.Topic]
		if !there {
			continue
		}
		var shards int
		if _, err := fmt.Sscan(text, &shards); err != nil {
			return nil, fmt.Errorf("read how many shards %s has: %w", r.Topic, err)
		}
		if err := t.addLag(ctx, out, r, shards); err != nil {
			return nil, fmt.Errorf("ask for the lag of %s in %s: %w", r.Group, r.Topic, err)
		}
	}
	return out, nil
}

func (t *Transport) addLag(ctx context.Context, out map[mq.Reader]uint64, r mq.Reader, shards int) error {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	there, err := t.rdb.SIsMember(ctx, t.keys.groups(r.Topic), r.Group).Result()
	if err != nil || !there {
		return err
	}
	names := append([]string{t.keys.trimmed(r.Topic), t.keys.cursors(r.Topic, r.Group)}, t.keys.all(r.Topic, shards)...)
	out[r], err = t.scripts.lag.Run(ctx, t.rdb, names).Uint64()
	return err
}
