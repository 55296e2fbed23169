package redisstream

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
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
	s := &subscriber{t: t, cfg: cfg, closing: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, mq.ErrClosed
	}
	t.subs[s] = struct{}{}
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
	shards, err := s.t.shards(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	log := s.t.log.With(zap.String("topic", topic), zap.String("group", s.cfg.Group))
	var run func(context.Context)
	if s.cfg.Group == "" {
		from, err := s.t.begin(ctx, topic, shards, s.cfg.Start)
		if err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
		}
		run = func(ctx context.Context) { s.tail(ctx, topic, from, out, log) }
	} else {
		m := &member{s: s, topic: topic, group: s.cfg.Group, shards: shards, id: uuid.NewString(), out: out, log: log}
		if err := m.enroll(ctx, s.cfg.Start); err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
		}
		run = m.run
	}
	s.running.Go(func() {
		defer close(out)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s.running.Go(func() {
			select {
			case <-s.closing:
				cancel()
			case <-ctx.Done():
			}
		})
		run(ctx)
	})
	return out, nil
}

// Close drains and gives up the shards.
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
