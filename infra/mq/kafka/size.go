package kafka

import (
	"context"
	"fmt"
	"strconv"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

const (
	// sizeSetting bounds what one request may bring to a partition: the broker refuses
	// the whole of it, and so every record in it.
	sizeSetting = "max.message.bytes"
	// batchBytes is what a topic has to take. The producer gathers records for a partition
	// up to mq.MaxRecordBytes, and a batch has a head of its own; without that room brokers
	// refuse the largest record by their default too.
	batchBytes = mq.MaxRecordBytes + 4<<10
)

// takeAll raises the limit of a topic that takes less than one batch of ours.
func (t *Transport) takeAll(ctx context.Context, topic string) error {
	was, err := t.amend(ctx, topic, sizeSetting, strconv.Itoa(batchBytes), func(value string) bool {
		n, err := strconv.Atoi(value)
		return err == nil && n < batchBytes
	})
	switch {
	case forbidden(err) && was == "":
		t.log.Warn("the brokers do not let us see how much a topic takes at once: it must be as much as one batch of ours",
			zap.String("topic", topic), zap.Int(sizeSetting, batchBytes), zap.Error(err))
		return nil
	case forbidden(err):
		return fmt.Errorf("it takes %s bytes at once and has to take %d, and the brokers do not let us change that: set its %s: %w",
			was, batchBytes, sizeSetting, err)
	case err != nil:
		return fmt.Errorf("see to it that it takes %d bytes at once (its %s): %w", batchBytes, sizeSetting, err)
	}
	if was != "" {
		t.log.Info("a topic took less at once than one batch of ours; its limit is raised", zap.String("topic", topic),
			zap.String("was", was), zap.Int(sizeSetting, batchBytes))
	}
	return nil
}

// tooSmall is of records that the brokers refuse because of what came with them: none of
// them is above what mq promises, so that the topic is at fault, which a person can mend.
type tooSmall struct {
	topic string
	err   error
}

func (e *tooSmall) Error() string {
	return fmt.Sprintf("topic %s takes less than %d bytes at once: raise its %s (a start of GoChat does): %v", e.topic, batchBytes, sizeSetting, e.err)
}
func (e *tooSmall) Unwrap() error { return e.err }
