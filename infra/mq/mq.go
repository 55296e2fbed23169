// Package mq is what GoChat's routers and gateways see of a message queue: a
// [Transport] with a durable publisher, an all-or-none [Outbox] and consumer
// groups whose subscribers deliver in order per key through lanes. Drivers are
// in subfolders; every one passes the suite in mqtest.
package mq

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"
)

// KeyMetadata is the metadata key that holds a message's partition key.
// Messages of one topic with equal keys are handled in the order in which they
// were published; a message without a key is its own key (its UUID).
const KeyMetadata = "partition_key"

var (
	// ErrClosed is returned by every call on a transport, publisher, outbox or
	// subscriber after its Close.
	ErrClosed = errors.New("message queue is closed")
	// ErrUnknownTopic is returned when a topic was not made by Ensure (or was
	// deleted): topics are never created by publishing or subscribing.
	ErrUnknownTopic = errors.New("topic does not exist")
	// ErrTooLarge is returned when a message, or what one call publishes, is larger
	// than the queue takes (see [MaxRecordBytes] and [MaxCallBytes]). Nothing of the
	// call was published, and publishing the same again gets the same answer.
	ErrTooLarge = errors.New("too large for the message queue")
	// ErrFenced is returned by an outbox whose id another process has opened since. It
	// stays so: the newer process works, and this one must end.
	ErrFenced = errors.New("another process with the same name began later, and this one may not publish any more")
)

// Fenceable is a [Transport] whose outboxes can be taken over by another process.
type Fenceable interface {
	// Fenced delivers one error, an ErrFenced, when an outbox of this transport has
	// learned that it was: whoever goes on would take messages and hand them back
	// for ever.
	Fenced() <-chan error
}

// Limits of what is published, the same for all transports: what fits into one of
// them fits into all.
const (
	// MaxRecordBytes bounds one message with its UUID and metadata, as Kafka's brokers
	// do by default.
	MaxRecordBytes = 1 << 20
	// MaxCallBytes bounds what one call publishes.
	MaxCallBytes = 8 << 20
)

// RecordBytes is what MaxRecordBytes bounds.
func RecordBytes(m *message.Message) int {
	n := len(m.UUID) + payloadBytes(m)
	for k, v := range m.Metadata {
		n += len(k) + len(v)
	}
	return n
}

// Topic is one topic to be made by [Transport.Ensure]. Drivers without
// partitions ignore Partitions.
type Topic struct {
	Name       string
	Partitions int
	// Tail: one process reads it without a group, from its end on, so that records
	// may be dropped soon. A queue that lives in that process keeps none of them: they are
	// handed over before what a call publishes besides is durable. Those of any other topic
	// are kept for as long as the driver's settings say, however many partitions it has: a
	// group may come back late.
	Tail bool
	// Patient: its readers can wait for some milliseconds, so that its records may be written
	// together with others.
	Patient bool
}

// Reader is a consumer group on one topic.
type Reader struct{ Topic, Group string }

// Outbound is one message bound for one topic.
type Outbound struct {
	Topic   string
	Message *message.Message
}

// Outbox publishes messages to several topics, all or none: after a crash at
// any moment consumers see either every message of a call or not one of them.
// Publish returns once the messages are durable. Safe for concurrent use. See [Topic] for what
// one process reads, which ends with it.
type Outbox interface {
	Publish(ctx context.Context, out ...Outbound) error
}

// FollowUps is a [Transport] with a cheaper outbox for what follows from records that its caller has
// taken from the same transport and not acknowledged yet.
type FollowUps interface {
	// FollowUp returns an outbox whose Publish may return before the messages are durable. A
	// crash loses a call only together with every acknowledgement that came after it: what
	// the call followed from is delivered again, and whoever takes it publishes again.
	FollowUp(id string) (Outbox, error)
}

// FollowUp returns the transport's outbox for what follows from records that are not acknowledged
// yet; of a transport that has none of its own it is the Outbox.
func FollowUp(t Transport, id string) (Outbox, error) {
	if f, ok := t.(FollowUps); ok {
		return f.FollowUp(id)
	}
	return t.Outbox(id)
}

// Transport is a message queue.
//
//   - Publisher returns the shared publisher; Publish returns nil only when
//     every message of the call is durable, keeps the order of its arguments,
//     and groups concurrent calls. Closing it is the transport's business.
//   - Outbox returns a transactional publisher; id is stable for one replica
//     of one router, so that a successor can fence it.
//   - Subscriber returns a subscriber of a consumer group; see SubscriberConfig.
//   - Ensure makes topics that do not exist yet; it is idempotent.
//   - Delete removes topics with all that groups remember of them; a missing
//     topic is not an error.
//   - Close drains and closes every subscriber, then the publisher.
type Transport interface {
	Publisher() message.Publisher
	Outbox(id string) (Outbox, error)
	Subscriber(cfg SubscriberConfig) (message.Subscriber, error)
	Ensure(ctx context.Context, topics ...Topic) error
	Delete(ctx context.Context, names ...string) error
	Close() error
}
