package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gochat/gochat/infra/mq"
)

// live hands the records of tail topics ([mq.Topic]) to their readers and keeps none: the readers are in this
// process and end with it, so that nobody would ever read kept records. Safe for concurrent use.
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

// leave ends the delivery to a subscription. A record that is fed at the same time may still reach it or not.
func (l *live) leave(p *Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(l.topics[p.id]), func(other *Subscription) bool { return other == p })
	if delete(l.topics, p.id); len(rest) > 0 {
		l.topics[p.id] = rest
	}
}

// readers returns the subscriptions of a topic. The slice is never changed: join appends behind its end,
// leave makes another one.
func (l *live) readers(topic uint64) []*Subscription {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.topics[topic]
}

// feed hands records to the readers of their topics, in order. It waits while a reader's window is full,
// until ctx ends. A reader that drains gets nothing more.
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

// take hands one record to a live subscription; several publishers take turns.
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
