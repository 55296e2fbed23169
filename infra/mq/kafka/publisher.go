package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/semaphore"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

const (
	// waitingBytes bounds what was handed over and has no outcome yet; beyond it
	// publishers wait.
	waitingBytes = 64 << 20
	// recordVersion is sarama's number for the record format that has headers.
	recordVersion = 2
	// renewPause is between two tries to make a new producer.
	renewPause = 200 * time.Millisecond
)

// marshaler writes records as Watermill does, keyed as our lanes are.
var marshaler = wkafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) {
	if key := m.Metadata[mq.KeyMetadata]; key != "" {
		return key, nil
	}
	return m.UUID, nil
})

// publisher publishes without transactions. Concurrent calls share requests: while
// one is on its way, what is published meanwhile makes the next.
type publisher struct {
	t     *Transport
	room  *semaphore.Weighted
	calls sync.WaitGroup
	quit  chan struct{} // ends a renewal

	mu      sync.Mutex
	current *producer     // nil while it is renewed
	renewed chan struct{} // closed when it is there again
	closed  bool
}

func newPublisher(t *Transport) (*publisher, error) {
	p := &publisher{t: t, room: semaphore.NewWeighted(waitingBytes), quit: make(chan struct{})}
	var err error
	if p.current, err = p.open(); err != nil {
		return nil, t.cfg.explain(err)
	}
	return p, nil
}

func (p *publisher) open() (*producer, error) {
	conf, err := p.t.cfg.producing()
	if err != nil {
		return nil, err
	}
	return newProducer(p.t.cfg.Brokers, conf)
}

// Publish implements message.Publisher: it returns nil when all in-sync replicas have every message, and an
// error after mq.kafka.publish_timeout at the latest. An error leaves open which of the messages were, or
// will be, written; those that are keep the order of the arguments.
func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.t.cfg.PublishTimeout)
	defer cancel()
	out := make([]mq.Outbound, len(messages))
	for i, m := range messages {
		out[i] = mq.Outbound{Topic: p.t.cfg.named(topic), Message: m}
	}
	return p.publish(ctx, out)
}

// publish is Publish to several topics.
func (p *publisher) publish(ctx context.Context, out []mq.Outbound) error {
	if !p.enter() {
		return mq.ErrClosed
	}
	defer p.calls.Done()
	if len(out) == 0 {
		return nil
	}
	if err := p.t.knownBy(ctx, topicsOf(out)...); err != nil {
		return err
	}
	records, bytes, err := encode(out)
	if err != nil {
		return err
	}
	if err := p.deliver(ctx, records, bytes); err != nil {
		return fmt.Errorf("publish %d messages to %s: %w", len(out), out[0].Topic, err)
	}
	return nil
}

func (p *publisher) deliver(ctx context.Context, records []*sarama.ProducerMessage, bytes int64) error {
	bytes = min(bytes, waitingBytes)
	if err := p.room.Acquire(ctx, bytes); err != nil {
		return fmt.Errorf("wait for earlier messages: %w", err)
	}
	producer, err := p.take(ctx)
	if err != nil {
		p.room.Release(bytes)
		return err
	}
	r := newReceipt(len(records), func() { p.room.Release(bytes) })
	producer.send(ctx, r, records)
	select {
	case <-r.done:
	case <-ctx.Done():
		return fmt.Errorf("wait for the brokers to confirm (they still may): %w", ctx.Err())
	}
	err = r.outcome()
	if worn(err) {
		p.renew(producer)
	}
	return p.t.judge(ctx, err)
}

// enter counts a call in; Close waits for it.
func (p *publisher) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.calls.Add(1)
	return true
}

// take returns the producer, or waits for the new one.
func (p *publisher) take(ctx context.Context) (*producer, error) {
	for {
		p.mu.Lock()
		current, renewed := p.current, p.renewed
		p.mu.Unlock()
		if current != nil {
			return current, nil
		}
		select {
		case <-renewed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the brokers: %w", ctx.Err())
		}
	}
}

// renew replaces a producer that does not recover by itself. All records of the old one have an outcome
// before the new one takes any, so that none overtakes another. The caller is counted in by enter, so that
// Close waits for the replacement, too.
func (p *publisher) renew(old *producer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != old {
		return
	}
	p.current, p.renewed = nil, make(chan struct{})
	p.calls.Go(func() { p.replace(old) })
}

func (p *publisher) replace(old *producer) {
	if err := old.close(p.t.cfg.PublishTimeout); err != nil {
		p.t.complaints.say("a producer that was given up could not be closed cleanly", err)
	}
	for {
		next, err := p.open()
		if err == nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.current = next
			close(p.renewed)
			return
		}
		p.t.complaints.say("there is no producer; it is tried again", err)
		if !pause.For(p.quit, renewPause) {
			return
		}
	}
}

// Close waits for publishes under way.
func (p *publisher) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	close(p.quit)
	p.mu.Unlock()
	p.calls.Wait()
	if p.current == nil {
		return nil
	}
	if err := p.current.close(p.t.cfg.PublishTimeout); err != nil {
		return fmt.Errorf("close the producer: %w", err)
	}
	return nil
}

// encode makes records of messages and says how large they are.
func encode(out []mq.Outbound) ([]*sarama.ProducerMessage, int64, error) {
	records, bytes := make([]*sarama.ProducerMessage, len(out)), 0
	for i, o := range out {
		r, err := marshaler.Marshal(o.Topic, o.Message)
		if err != nil {
			return nil, 0, fmt.Errorf("encode message %s: %w", o.Message.UUID, err)
		}
		size := r.ByteSize(recordVersion)
		if size > mq.MaxRecordBytes {
			return nil, 0, fmt.Errorf("%w: message %s has %d bytes, the limit is %d", mq.ErrTooLarge, o.Message.UUID, size, mq.MaxRecordBytes)
		}
		records[i], bytes = r, bytes+size
	}
	if bytes > mq.MaxCallBytes {
		return nil, 0, fmt.Errorf("%w: %d messages with %d bytes in one call, the limit is %d", mq.ErrTooLarge, len(out), bytes, mq.MaxCallBytes)
	}
	return records, int64(bytes), nil
}

// judge checks whether a send really failed for want of its topic: a leader that has just got a partition may
// not know the topic yet, so a broker is asked.
func (t *Transport) judge(ctx context.Context, err error) error {
	var gone *goneError
	if !errors.As(err, &gone) {
		return err
	}
	if asked := t.ask(ctx, gone.topic); asked != nil {
		return asked
	}
	return fmt.Errorf("the brokers do not agree on whether topic %s is there", gone.topic)
}

// topicsOf lists the topics of a call; consecutive messages of one topic name it once.
func topicsOf(out []mq.Outbound) []string {
	names := make([]string, 0, 4)
	for i, o := range out {
		if i == 0 || o.Topic != out[i-1].Topic {
			names = append(names, o.Topic)
		}
	}
	return names
}
