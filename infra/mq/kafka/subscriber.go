package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// subscriber implements message.Subscriber: each Subscribe is a member of the
// group, or, without a group, a reader of its own.
type subscriber struct {
	t   *Transport
	cfg mq.SubscriberConfig

	closing chan struct{}
	once    sync.Once
	running sync.WaitGroup
	mu      sync.Mutex
	closed  bool
}

// Subscriber implements mq.Transport.
func (t *Transport) Subscriber(cfg mq.SubscriberConfig) (message.Subscriber, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Group != "" {
		cfg.Group = t.cfg.named(cfg.Group)
	}
	s := &subscriber{t: t, cfg: cfg, closing: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, mq.ErrClosed
	}
	t.subs[s] = struct{}{}
	return s, nil
}

// afterDrain is what a member may need besides its drain to give partitions back:
// to hear of the rebalance, to commit, and to join again.
const afterDrain = 10 * time.Second

// endTimeouts is how many times mq.kafka.timeout a subscriber may take at its end,
// after its drain.
const endTimeouts = 2

// consuming is the configuration of a reader: what a transaction wrote is seen
// when it is committed.
func (t *Transport) consuming(cfg mq.SubscriberConfig) (*sarama.Config, error) {
	s, err := t.cfg.sarama()
	if err != nil {
		return nil, err
	}
	c := &s.Consumer
	c.IsolationLevel = sarama.ReadCommitted
	c.Return.Errors = true
	c.Retry.Backoff = 200 * time.Millisecond
	c.MaxProcessingTime = 500 * time.Millisecond
	c.Offsets.Initial = sarama.OffsetOldest
	if cfg.Start == mq.StartNewest {
		c.Offsets.Initial = sarama.OffsetNewest
	}
	c.Offsets.AutoCommit.Interval = time.Second
	c.Group.Session.Timeout = t.cfg.SessionTimeout
	c.Group.Heartbeat.Interval = min(t.cfg.SessionTimeout/5, time.Second)
	// The group waits for a member that drains, so that nobody else starts on its partitions meanwhile.
	c.Group.Rebalance.Timeout = cfg.DrainTimeout + afterDrain
	if cfg.Group != "" {
		// A request to join is answered only when the last member has drained.
		s.Net.ReadTimeout = c.Group.Rebalance.Timeout + t.cfg.Timeout
	}
	c.Group.Rebalance.Retry.Backoff = 200 * time.Millisecond
	c.Group.Rebalance.Retry.Max = 20
	c.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	return s, nil
}

// Subscribe implements message.Subscriber. The channel is closed when ctx is done
// or the subscriber closes, after the drain.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, mq.ErrClosed
	}
	topic = s.t.cfg.named(topic)
	if err := s.t.known(topic); err != nil {
		return nil, err
	}
	base, err := s.t.consuming(s.cfg)
	if err != nil {
		return nil, err
	}
	line, abort := context.WithCancel(context.WithoutCancel(ctx))
	brokers := bind(line, base)
	out := make(chan *message.Message)
	var run func(context.Context)
	if s.cfg.Group == "" {
		run, err = s.tail(ctx, topic, base, out)
	} else {
		run, err = s.member(topic, base, brokers, out)
	}
	if err != nil {
		abort()
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	s.running.Go(func() {
		defer close(out)
		defer abort()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan struct{})
		defer close(ended)
		s.running.Go(func() {
			select {
			case <-s.closing:
				cancel()
			case <-ctx.Done():
			}
			s.hurry(ended, abort)
		})
		run(ctx)
	})
	return out, nil
}

// hurry cuts the connections of a subscription that has not ended in time after its drain, because brokers do
// not answer.
func (s *subscriber) hurry(ended <-chan struct{}, abort func()) {
	timer := time.NewTimer(s.cfg.DrainTimeout + endTimeouts*s.t.cfg.Timeout)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		abort()
	}
}

// Close drains and leaves the group. It takes the drain timeout and twice
// mq.kafka.timeout at most.
func (s *subscriber) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		close(s.closing)
		s.t.mu.Lock()
		delete(s.t.subs, s)
		s.t.mu.Unlock()
	})
	s.running.Wait()
	return nil
}

// complaints logs what goes wrong in the background, at most once in 5 s.
type complaints struct {
	log  *zap.Logger
	mu   sync.Mutex
	last time.Time
}

func (c *complaints) say(what string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last) < 5*time.Second {
		return
	}
	c.last = time.Now()
	c.log.Warn(what, zap.Error(err))
}

// decode never fails: a record that Watermill did not write is handed on as it is,
// for its handler to refuse.
func decode(r *sarama.ConsumerMessage) *message.Message {
	m, err := marshaler.Unmarshal(r)
	if err != nil {
		m = message.NewMessage(fmt.Sprintf("%s-%d-%d", r.Topic, r.Partition, r.Offset), r.Value)
	}
	if m.UUID == "" {
		m.UUID = fmt.Sprintf("%s-%d-%d", r.Topic, r.Partition, r.Offset)
	}
	if m.Metadata[mq.KeyMetadata] == "" && len(r.Key) > 0 {
		m.Metadata[mq.KeyMetadata] = string(r.Key)
	}
	return m
}

// ended reports whether an error only says that a client was closed or a context canceled.
func ended(err error) bool {
	return err == nil || errors.Is(err, sarama.ErrClosedConsumerGroup) || errors.Is(err, sarama.ErrClosedClient) || errors.Is(err, context.Canceled)
}
