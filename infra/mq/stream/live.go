package stream

import (
	"context"
	"fmt"
	"slices"
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

// leave ends that: a record that is fed at the same time may be the first that the reader misses.
func (l *live) leave(p *Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(l.topics[p.id]), func(other *Subscription) bool { return other == p })
	if delete(l.topics, p.id); len(rest) > 0 {
		l.topics[p.id] = rest
	}
}

// readers returns those of a topic. Nobody changes what it returns: join puts behind its end, leave
// makes another slice.
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
