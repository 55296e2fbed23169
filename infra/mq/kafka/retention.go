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

// retention is how long a topic's records are kept. Whether it is a tail topic decides, not the number of
// partitions: groups may read a topic with one partition, too.
func (c Config) retention(topic mq.Topic) time.Duration {
	if topic.Tail {
		return c.TailRetention
	}
	return c.Retention
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// keepLonger corrects the retention of a topic that a release made in which the number of partitions decided:
// a topic for groups with one partition got TailRetention, and accepted records could be gone before they
// were read. Any other value is somebody's decision and stays.
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
