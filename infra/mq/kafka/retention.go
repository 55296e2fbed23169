package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"
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
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: topic.Name, ConfigNames: []string{retentionSetting}}
	changed := false
	err := t.within(ctx, 4*t.cfg.Timeout, func() error {
		entries, err := t.admin.DescribeConfig(resource)
		if err != nil {
			return err
		}
		for _, e := range entries {
			changed = changed || e.Name == retentionSetting && e.Value == milliseconds(t.cfg.TailRetention)
		}
		if !changed {
			return nil
		}
		ms := milliseconds(t.cfg.Retention)
		return t.admin.IncrementalAlterConfig(sarama.TopicResource, topic.Name, map[string]sarama.IncrementalAlterConfigsEntry{
			retentionSetting: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &ms},
		}, false)
	})
	switch {
	case errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrClusterAuthorizationFailed):
		t.log.Warn("the brokers do not let us see or change for how long a shared topic is kept: it must be longer than any outage of its readers",
			zap.String("topic", topic.Name), zap.Duration("mq.kafka.retention", t.cfg.Retention), zap.Error(err))
		return nil
	case err != nil:
		return fmt.Errorf("keep its records for %v (setting mq.kafka.retention) rather than a gateway's %v: %w", t.cfg.Retention, t.cfg.TailRetention, err)
	}
	if changed {
		t.log.Warn("a topic that is shared was kept as briefly as a gateway's; it is kept as the setting says now",
			zap.String("topic", topic.Name), zap.Duration("mq.kafka.retention", t.cfg.Retention))
	}
	return nil
}
