package kafka

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

// marshaler writes records as Watermill does, keyed as our lanes are.
var marshaler = wkafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) {
	if key := m.Metadata[mq.KeyMetadata]; key != "" {
		return key, nil
	}
	return m.UUID, nil
})

// producing adds what every producer of ours has to a configuration: sarama's own
// defaults lose (acks of one broker) and reorder (5 requests in flight).
func (c Config) producing(s *sarama.Config) *sarama.Config {
	p := &s.Producer
	p.RequiredAcks = sarama.WaitForAll
	p.Idempotent = true
	s.Net.MaxOpenRequests = 1
	p.Partitioner = sarama.NewHashPartitioner
	p.Return.Successes, p.Return.Errors = true, true
	p.Timeout = c.PublishTimeout
	p.Retry.Max = 5
	p.Retry.Backoff = 100 * time.Millisecond
	p.Flush.MaxMessages = 4096
	return s
}

// publisher publishes without transactions. Concurrent calls share requests: while
// one is on its way, what is published meanwhile makes the next.
type publisher struct {
	t    *Transport
	sync sarama.SyncProducer

	mu     sync.RWMutex // held for reading by each publish
	closed bool
}

func newPublisher(t *Transport) (*publisher, error) {
	base, err := t.cfg.sarama()
	if err != nil {
		return nil, err
	}
	producer, err := sarama.NewSyncProducer(t.cfg.Brokers, t.cfg.producing(base))
	if err != nil {
		return nil, t.cfg.explain(err)
	}
	return &publisher{t: t, sync: producer}, nil
}

// Publish implements message.Publisher: it returns nil when all in-sync replicas
// have every message. An error leaves open which of them are there.
func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return mq.ErrClosed
	}
	if len(messages) == 0 {
		return nil
	}
	if err := p.t.known(topic); err != nil {
		return err
	}
	records := make([]*sarama.ProducerMessage, len(messages))
	for i, m := range messages {
		var err error
		if records[i], err = marshaler.Marshal(topic, m); err != nil {
			return fmt.Errorf("encode message %s: %w", m.UUID, err)
		}
	}
	if err := p.sync.SendMessages(records); err != nil {
		return fmt.Errorf("publish %d messages to %s: %w", len(records), topic, p.t.judge(err))
	}
	return nil
}

// Close waits for publishes under way.
func (p *publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	if err := p.sync.Close(); err != nil {
		return fmt.Errorf("close the producer: %w", err)
	}
	return nil
}

// judge reads what a send failed with: a topic that is gone is ErrUnknownTopic, and
// is forgotten here.
func (t *Transport) judge(err error) error {
	var many sarama.ProducerErrors
	if !errors.As(err, &many) || len(many) == 0 {
		return err
	}
	first := many[0].Err
	for _, one := range many {
		if errors.Is(one.Err, sarama.ErrUnknownTopicOrPartition) {
			t.forget(one.Msg.Topic)
			first = fmt.Errorf("%w: %s", mq.ErrUnknownTopic, one.Msg.Topic)
		}
	}
	return fmt.Errorf("%d of the records: %w", len(many), first)
}

// forget makes the client look anew for a topic that a broker does not know.
func (t *Transport) forget(topic string) {
	t.lost(topic)
	if err := t.client.RefreshMetadata(topic); err == nil {
		if have, err := t.client.Partitions(topic); err == nil && len(have) > 0 {
			t.found(topic) // it was the leader that moved
		}
	}
}

// topicsOf lists the topics of a call, each once.
func topicsOf(out []mq.Outbound) []string {
	var names []string
	for _, o := range out {
		if !slices.Contains(names, o.Topic) {
			names = append(names, o.Topic)
		}
	}
	return names
}
