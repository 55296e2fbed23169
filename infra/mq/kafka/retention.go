package kafka

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

const retentionSetting = "retention.ms"

// retention is how long a topic's records are kept: by what the topic is for, since
// one with one partition may be shared by all as well.
func (c Config) retention(topic mq.Topic) time.Duration {
	if topic.Tail {
		return c.TailRetention
	}
	return c.Retention
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// keepLonger mends a topic that is there. Before retention went by a topic's kind, a
// shared one with one partition was made with that of a tail, and what was accepted
// could be gone before it was read. Any other retention is somebody's decision.
func (t *Transport) keepLonger(ctx context.Context, topic mq.Topic, partitions int) error {
	if topic.Tail || partitions != 1 || t.cfg.Retention <= t.cfg.TailRetention {
		return nil
	}
	was, err := t.amend(ctx, topic.Name, retentionSetting, milliseconds(t.cfg.Retention), func(value string) bool {
		return value == milliseconds(t.cfg.TailRetention)
	})
	switch {
	case forbidden(err):
		t.log.Warn("the brokers do not let us see or change for how long a shared topic is kept: it must be longer than any outage of its readers",
			zap.String("topic", topic.Name), zap.Duration("mq.kafka.retention", t.cfg.Retention), zap.Error(err))
		return nil
	case err != nil:
		return fmt.Errorf("keep its records for %v (setting mq.kafka.retention) rather than a gateway's %v: %w", t.cfg.Retention, t.cfg.TailRetention, err)
	}
	if was != "" {
		t.log.Warn("a topic that is shared was kept as briefly as a gateway's; it is kept as the setting says now",
			zap.String("topic", topic.Name), zap.Duration("mq.kafka.retention", t.cfg.Retention))
	}
	return nil
}
