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
	// ErrFenced is returned by an outbox whose id another process has opened since, by every call from then
	// on: the newer process has taken over, and this one must end.
	ErrFenced = errors.New("another process has taken over this outbox; this process may not publish any more")
)

// Fenceable is a [Transport] whose outboxes can be taken over (fenced) by another process.
type Fenceable interface {
	// Fenced delivers one error that wraps ErrFenced, when an outbox of this transport first learns that it
	// was taken over. A process that went on would take records and nack them for ever.
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
	// Tail marks a topic that one process reads, without a group and from its end on. Its records may be
	// dropped soon. A driver inside of that process does not store them at all, and hands them over before
	// the other records of the same call are durable. Records of every other topic are kept for as long as
	// the driver's settings say, even with one partition: a group may come back late.
	Tail bool
	// Patient marks a topic whose readers can wait for some milliseconds, so that the driver may write its
	// records together with later ones.
	Patient bool
}

// Reader is a consumer group on one topic.
type Reader struct{ Topic, Group string }

// Outbound is one message bound for one topic.
type Outbound struct {
	Topic   string
	Message *message.Message
}

// Outbox publishes messages to several topics, all or none: after a crash at any moment consumers see either
// every message of a call or not one of them. Publish returns once the messages are durable. Both exclude
// records of a tail topic that a driver does not store (see [Topic]). Safe for concurrent use.
type Outbox interface {
	Publish(ctx context.Context, out ...Outbound) error
}

// FollowUps is a [Transport] with a cheaper outbox for follow-ups: messages that a caller publishes for
// records which it took from the same transport and has not acknowledged yet.
type FollowUps interface {
	// FollowUp returns an outbox whose Publish may return before the messages are durable. A crash can lose
	// such a call only together with every acknowledgement that came after it. So the records that caused the
	// call are delivered again, and whoever handles them publishes again.
	FollowUp(id string) (Outbox, error)
}

// FollowUp returns the transport's outbox for follow-ups, or its ordinary outbox if the transport has no
// [FollowUps].
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
type Transport interface { //nolint:interfacebloat // a queue is made, written, read and closed as one thing
	Publisher() message.Publisher
	Outbox(id string) (Outbox, error)
	Subscriber(cfg SubscriberConfig) (message.Subscriber, error)
	Ensure(ctx context.Context, topics ...Topic) error
	Delete(ctx context.Context, names ...string) error
	Close() error
}
