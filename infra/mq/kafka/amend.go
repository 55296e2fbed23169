package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/mq"
)

// mend corrects the settings of a topic that exists: an older release, or somebody by hand, made it.
func (t *Transport) mend(ctx context.Context, topic mq.Topic, partitions int) error {
	if err := t.takeAll(ctx, topic.Name); err != nil {
		return err
	}
	return t.keepLonger(ctx, topic, partitions)
}

// amend sets a setting of a topic when its value is wrong. was is the wrong value; empty: the value was
// right, or could not be read.
func (t *Transport) amend(ctx context.Context, topic, setting, want string, wrong func(value string) bool) (was string, err error) {
	err = t.within(ctx, 4*t.cfg.Timeout, func() error {
		e, err := describe(t.admin, topic, setting)
		if err != nil || !wrong(e.Value) {
			return err
		}
		was = e.Value
		return t.admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
			setting: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &want},
		}, false)
	})
	return was, err
}

// describe asks the brokers for a setting of a topic.
func describe(admin sarama.ClusterAdmin, topic, setting string) (sarama.ConfigEntry, error) {
	results, err := admin.DescribeConfigs([]*sarama.ConfigResource{
		{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{setting}},
	}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return sarama.ConfigEntry{}, err
	}
	for _, r := range results {
		if r.ErrorCode != sarama.ErrNoError {
			return sarama.ConfigEntry{}, fmt.Errorf("%w: %s", r.ErrorCode, r.ErrorMsg)
		}
		for _, e := range r.Configs {
			if e.Name == setting {
				return e, nil
			}
		}
	}
	return sarama.ConfigEntry{}, fmt.Errorf("the brokers did not tell the setting %s of topic %s", setting, topic)
}

// forbidden reports whether the brokers deny us a permission.
func forbidden(err error) bool {
	return errors.Is(err, sarama.ErrTopicAuthorizationFailed) || errors.Is(err, sarama.ErrClusterAuthorizationFailed)
}
