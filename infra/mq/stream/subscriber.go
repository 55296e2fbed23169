package stream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// Subscriber is one consumer of topics. A group has one active subscription per
// topic; further ones wait and take over when it closes.
type Subscriber struct {
	s   *Stream
	cfg mq.SubscriberConfig

	closing chan struct{}
	once    sync.Once
	running sync.WaitGroup
	mu      sync.Mutex
	closed  bool
}

// Subscriber returns a subscriber of a consumer group.
func (s *Stream) Subscriber(cfg mq.SubscriberConfig) (message.Subscriber, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sub := &Subscriber{s: s, cfg: cfg, closing: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs == nil {
		return nil, mq.ErrClosed
	}
	s.subs[sub] = struct{}{}
	return sub, nil
}

// Subscription is one topic's delivery to one channel.
type Subscription struct {
	sub   *Subscriber
	topic string
	id    uint64
	out   chan *message.Message
	next  uint64 // offset: everything up to here was read

	// Of a subscription without a group: dismiss closes gone when the topic is deleted, since nothing more would come.
	gone    chan struct{}
	dismiss func()

	// Of a tail topic only. Its publishers feed the lanes, one at a time (turn).
	lanes  *mq.Lanes
	source *mq.Source
	turn   chan struct{}
}

// Subscribe starts delivery; the channel is closed when ctx is done or the
// subscriber closes, after the drain.
func (u *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil, mq.ErrClosed
	}
	id, err := u.s.catalog.id(topic)
	if err != nil {
		return nil, err
	}
	p := &Subscription{sub: u, topic: topic, id: id, out: make(chan *message.Message), gone: make(chan struct{})}
	p.dismiss = sync.OnceFunc(func() { close(p.gone) })
	now := time.Now()
	u.s.read.CompareAndSwap(nil, &now)
	if u.s.catalog.isTail(id) {
		return p.out, p.startLive(ctx)
	}
	begin := offsetOf(u.s.ring.first()-1, maxRecords-1)
	if u.cfg.Start == mq.StartNewest {
		begin = offsetOf(u.s.ring.end()-1, maxRecords-1)
	}
	if u.cfg.Group == "" {
		p.next = begin
		u.s.catalog.markTail(p, begin)
		if now, err := u.s.catalog.id(topic); err != nil || now != id {
			p.dismiss() // deleted before the catalog could find this subscription
		}
	} else if _, err := u.s.catalog.join(topic, u.cfg.Group, begin); err != nil {
		return nil, err
	}
	u.running.Add(1)
	go p.run(ctx)
	return p.out, nil
}

// startLive begins with the records of a tail topic that are published from now on.
func (p *Subscription) startLive(ctx context.Context) error {
	u := p.sub
	if u.cfg.Group != "" {
		return fmt.Errorf("subscribe to %s: group %s cannot read it, since one process does and nothing is kept", p.topic, u.cfg.Group)
	}
	p.lanes, p.turn = mq.NewLanes(ctx, u.cfg, p.out), make(chan struct{}, 1)
	p.source = p.lanes.Source(func(uint64) {}) // no offset is kept
	u.s.live.join(p)
	if !u.s.catalog.isTail(p.id) {
		p.dismiss() // deleted before live could find this subscription
	}
	u.running.Go(func() {
		defer close(p.out)
		select {
		case <-u.closing:
		case <-p.gone:
		case <-ctx.Done():
		}
		u.s.live.leave(p)
		p.lanes.Drain()
	})
	return nil
}

// Close drains: deliveries in flight may still be acknowledged until
// DrainTimeout has passed.
func (u *Subscriber) Close() error {
	u.once.Do(func() {
		u.mu.Lock()
		u.closed = true
		u.mu.Unlock()
		close(u.closing)
		u.running.Wait()
		u.s.mu.Lock()
		delete(u.s.subs, u)
		u.s.mu.Unlock()
	})
	u.running.Wait()
	return nil
}

func (p *Subscription) run(ctx context.Context) {
	defer p.sub.running.Done()
	defer close(p.out)
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-p.sub.closing:
			cancel()
		case <-p.gone:
			cancel()
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel()
	if p.sub.cfg.Group == "" {
		defer p.sub.s.catalog.dropTail(p)
		p.deliver(ctx, func(offset uint64) { p.sub.s.catalog.markTail(p, offset) })
		return
	}
	owner := p.sub.s.catalog.owner(p.topic, p.sub.cfg.Group)
	select {
	case owner <- struct{}{}:
		defer func() { <-owner }()
	case <-ctx.Done():
		return
	}
	offset, err := p.sub.s.catalog.join(p.topic, p.sub.cfg.Group, 0)
	if err != nil {
		p.sub.s.log.Error("the group cannot join", zap.String("topic", p.topic), zap.Error(err))
		return
	}
	p.next = offset
	p.deliver(ctx, func(offset uint64) { p.sub.s.catalog.mark(p.topic, p.sub.cfg.Group, offset) })
}

// deliver feeds the lanes until ctx is done, then drains them.
func (p *Subscription) deliver(ctx context.Context, mark func(uint64)) {
	lanes := mq.NewLanes(ctx, p.sub.cfg, p.out)
	defer lanes.Drain()
	source := lanes.Source(mark)
	index, from := indexOf(p.next), int(p.next&(maxRecords-1))+1
	for ctx.Err() == nil {
		e, wait, err := p.sub.s.entry(index, p.id)
		switch {
		case err != nil:
			p.sub.s.unreadable.CompareAndSwap(nil, &err)
			p.sub.s.log.Error("the message log cannot be read; this subscription stands still until a restart",
				zap.String("topic", p.topic), zap.Uint64("entry", index), zap.Error(err))
			<-ctx.Done()
			return
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
			}
			continue
		}
		if e != nil && !p.feed(ctx, source, e, index, from) {
			return
		}
		source.Skip(offsetOf(index, maxRecords-1))
		index, from = index+1, 0
	}
}

func (p *Subscription) feed(ctx context.Context, source *mq.Source, e *entry, index uint64, from int) bool {
	for i := from; i < len(e.records); i++ {
		if e.records[i].topic != p.id {
			continue
		}
		if !source.Feed(ctx, mq.Record{Offset: offsetOf(index, i), Message: e.records[i].msg}) {
			return false
		}
	}
	return true
}

// entry returns an entry from memory or from the journal; neither an entry nor an error for an index before
// the oldest one. wait is that of ring.get.
func (s *Stream) entry(index, topic uint64) (*entry, <-chan struct{}, error) {
	e, wait := s.ring.get(index, topic)
	if e != nil || wait != nil {
		return e, wait, nil
	}
	if index < s.ring.first() {
		return nil, nil, nil
	}
	data, err := s.journal.Read(index)
	if err != nil {
		return nil, nil, err
	}
	e, err = decodeEntry(data)
	return e, nil, err
}

// Lag returns for each topic and group how many entries (group commits) are
// beyond the group's low-water mark.
func (s *Stream) Lag() map[string]map[string]uint64 { return s.catalog.lag(s.ring.end()) }
