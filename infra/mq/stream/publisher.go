package stream

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

// publisher is the Watermill face of a stream.
type publisher struct{ s *Stream }

// Publish makes all messages of a call durable, in one entry. Messages of a tail topic are handed to its
// readers instead.
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

// outbox publishes calls over several topics, by the stream's method publish or follow.
type outbox struct {
	catalog *catalog
	by      func(ctx context.Context, records []record) error
}

func (o outbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	if len(out) == 0 {
		return nil
	}
	records := make([]record, len(out))
	for i, m := range out {
		id, err := o.catalog.id(m.Topic)
		if err != nil {
			return err
		}
		records[i] = record{topic: id, msg: m.Message}
	}
	return o.by(ctx, records)
}

// publish hands the records of tail topics to their readers, and returns when the others are durable. What
// goes to sockets does not wait for the disk: it was stored before.
func (s *Stream) publish(ctx context.Context, records []record) error {
	return s.put(ctx, records, func(kept []record, _ bool) error { return s.commit.publish(ctx, kept) })
}

// follow is publish for follow-ups: it does not wait for the disk at all. The catalog saves no later
// acknowledgement before the follow-ups are durable.
func (s *Stream) follow(ctx context.Context, records []record) error {
	return s.put(ctx, records, func(kept []record, patient bool) error { return s.commit.follow(ctx, kept, patient) })
}

func (s *Stream) put(ctx context.Context, records []record, keep func(kept []record, patient bool) error) error {
	if err := weigh(records); err != nil {
		return err
	}
	if !s.commit.enter() {
		return mq.ErrClosed
	}
	defer s.commit.leave()
	kept, passing, patient := s.catalog.parted(records)
	if len(kept) > 0 {
		// Before anything is handed over: a call that fails is repeated, and sockets would get the same again
		// and again while the log takes nothing.
		if err := s.commit.failure(); err != nil {
			return err
		}
	}
	if err := s.live.feed(ctx, passing); err != nil || len(kept) == 0 {
		return err
	}
	return keep(kept, patient)
}
