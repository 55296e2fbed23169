package stream

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

// publisher is the Watermill face of a stream.
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

// outbox publishes calls over several topics by one of the stream's ways, publish or follow.
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

// publish hands over what readers of this process get, and returns when the rest is durable. What
// goes to sockets does not wait for the disk: it was stored before.
func (s *Stream) publish(ctx context.Context, records []record) error {
	return s.put(ctx, records, func(kept []record, _ bool) error { return s.commit.publish(ctx, kept) })
}

// follow is publish for what follows from records that are not acknowledged yet: it does not wait
// for the disk at all, and the catalog saves no acknowledgement that came after it before it is durable.
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
		// Before anything is handed over: whoever fails tries again, and sockets would get
		// the same again and again while the log takes nothing.
		if err := s.commit.failure(); err != nil {
			return err
		}
	}
	if err := s.live.feed(ctx, passing); err != nil || len(kept) == 0 {
		return err
	}
	return keep(kept, patient)
}
