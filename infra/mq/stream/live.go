package stream

import (
	"context"
	"fmt"
	"sync"

	"github.com/gochat/gochat/infra/mq"
)

// live hands the records of topics for one process ([mq.Topic.Tail]) to those who read them, and
// keeps none: their readers are in this process and end with it, so that nothing would read again
// what a journal had kept. Safe for concurrent use.
type live struct {
	mu     sync.RWMutex
	topics map[uint64][]*Subscription
}

// join makes a subscription see what is published from now on.
func (l *live) join(p *Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topics[p.id] = append(l.topics[p.id], p)
}

// leave ends that. Records that are fed meanwhile may be lost, as those after it are.
func (l *live) leave(p *Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rest []*Subscription
	for _, other := range l.topics[p.id] {
		if other != p {
			rest = append(rest, other)
		}
	}
	if delete(l.topics, p.id); len(rest) > 0 {
		l.topics[p.id] = rest
	}
}

// readers of a topic. The slice is never changed.
func (l *live) readers(topic uint64) []*Subscription {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.topics[topic]
}

// feed hands records over, in order. It waits while a reader's window is full, until ctx ends. Who
// reads no more gets nothing.
func (l *live) feed(ctx context.Context, records []record) error {
	for _, r := range records {
		for _, p := range l.readers(r.topic) {
			if err := p.take(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// take hands one record to a subscription that is live.
func (p *Subscription) take(ctx context.Context, r record) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the reader of topic %s: %w", p.topic, ctx.Err())
	}
	p.next++
	if !p.source.Feed(ctx, mq.Record{Offset: p.next, Message: r.msg}) && ctx.Err() != nil {
		return fmt.Errorf("wait for the reader of topic %s: %w", p.topic, ctx.Err())
	}
	return nil
}

// parted splits records into those that are kept and those for readers of this process, and says
// whether all of the kept ones may wait for others.
func (c *catalog) parted(records []record) (kept, passing []record, patient bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	patient = true
	for _, r := range records {
		switch c.about[r.topic] {
		case aboutTail:
			passing = append(passing, r)
			continue
		case aboutPatient:
		default:
			patient = false
		}
		kept = append(kept, r)
	}
	return kept, passing, patient
}

// publish hands over what readers of this process get, and returns when the rest is durable. Nobody
// waits for the disk who does not need it: what goes to sockets was stored before.
func (s *Stream) publish(ctx context.Context, records []record) error {
	return s.put(ctx, records, func(kept []record, _ bool) error { return s.commit.publish(ctx, kept) })
}

// follow is publish for what follows from records that are not acknowledged yet.
func (s *Stream) follow(ctx context.Context, records []record) error {
	return s.put(ctx, records, func(kept []record, patient bool) error { return s.commit.follow(ctx, kept, patient) })
}

func (s *Stream) put(ctx context.Context, records []record, keep func(kept []record, patient bool) error) error {
	if err := measure(records); err != nil {
		return err
	}
	if !s.commit.enter() {
		return mq.ErrClosed
	}
	defer s.commit.leave()
	kept, passing, patient := s.catalog.parted(records)
	if len(kept) > 0 {
		// Nothing is handed to sockets again and again while the log takes nothing.
		if err := s.commit.failure(); err != nil {
			return err
		}
	}
	if err := s.live.feed(ctx, passing); err != nil || len(kept) == 0 {
		return err
	}
	return keep(kept, patient)
}
