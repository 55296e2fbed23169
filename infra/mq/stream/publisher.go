package stream

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

// publisher is the Watermill face of the committer.
type publisher struct{ s *Stream }

// Publish makes all messages of a call durable, in one entry, but for those of a topic that one
// process reads.
func (p publisher) Publish(topic string, msgs ...*message.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	id, err := p.s.catalog.id(topic)
	if err != nil {
		return err
	}
	records := make([]record, len(msgs))
	for i, m := range msgs {
		records[i] = record{topic: id, msg: m}
	}
	return p.s.publish(context.Background(), records) //nolint:contextcheck // Watermill's publishers have no context
}

// Close does nothing: the publisher is shared, and ends with its transport.
func (publisher) Close() error { return nil }

type outbox struct{ s *Stream }

func (o outbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	if len(out) == 0 {
		return nil
	}
	records, err := o.s.records(out)
	if err != nil {
		return err
	}
	return o.s.publish(ctx, records)
}

func (s *Stream) records(out []mq.Outbound) ([]record, error) {
	records := make([]record, len(out))
	for i, m := range out {
		id, err := s.catalog.id(m.Topic)
		if err != nil {
			return nil, err
		}
		records[i] = record{topic: id, msg: m.Message}
	}
	return records, nil
}

// followUp is an outbox of what follows from records that are not acknowledged yet.
type followUp struct{ s *Stream }

func (o followUp) Publish(ctx context.Context, out ...mq.Outbound) error {
	if len(out) == 0 {
		return nil
	}
	records, err := o.s.records(out)
	if err != nil {
		return err
	}
	return o.s.follow(ctx, records)
}
