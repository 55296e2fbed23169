package kafka

import (
	"context"
	"fmt"
	"strconv"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

const (
	// sizeSetting bounds one batch of records for a partition: a broker refuses a larger one with every
	// record in it.
	sizeSetting = "max.message.bytes"
	// batchBytes is the least max.message.bytes that a topic needs. The producer gathers records for a
	// partition up to mq.MaxRecordBytes, and a batch has a header besides, for which the brokers' default
	// leaves no room.
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

// tooSmall is the error of records whose batch the brokers refuse as too large. encode has checked each
// record, so the topic's limit is too low, which an operator can raise; the records are tried again.
type tooSmall struct {
	topic string
	err   error
}

func (e *tooSmall) Error() string {
	return fmt.Sprintf("topic %s takes less than %d bytes at once: raise its %s (a start of GoChat does): %v", e.topic, batchBytes, sizeSetting, e.err)
}
func (e *tooSmall) Unwrap() error { return e.err }
