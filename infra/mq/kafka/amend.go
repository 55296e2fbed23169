package kafka

import (
	"context"
	"errors"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/mq"
)

// mend changes what is wrong with a topic that is there: an older release, or other
// hands, made it.
func (t *Transport) mend(ctx context.Context, topic mq.Topic, partitions int) error {
	if err := t.takeAll(ctx, topic.Name); err != nil {
		return err
	}
	return t.keepLonger(ctx, topic, partitions)
}

// amend sets a setting of a topic when its value is wrong. It returns the value that was
// found wrong; empty: none was, or the error came before it was known.
func (t *Transport) amend(ctx context.Context, topic, setting, want string, wrong func(value string) bool) (was string, err error) {
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{setting}}
	err = t.within(ctx, 4*t.cfg.Timeout, func() error {
		entries, err := t.admin.DescribeConfig(resource)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Name == setting && wrong(e.Value) {
				was = e.Value
			}
		}
		if was == "" {
			return nil
		}
		return t.admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
			setting: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &want},
		}, false)
	})
	return was, err
}

// forbidden reports whether the brokers do not let us.
func forbidden(err error) bool {
	return errors.Is(err, sarama.ErrTopicAuthorizationFailed) || errors.Is(err, sarama.ErrClusterAuthorizationFailed)
}
