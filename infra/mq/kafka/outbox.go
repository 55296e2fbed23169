package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/mq"
)

const (
	// outboxQueue is how many calls may wait for the transaction after the next.
	outboxQueue = 256
	// outboxRecords ends a transaction's gathering, so that it stays short.
	outboxRecords = 8192
	// attempts is how often a call is tried whose transaction failed through no fault
	// of its own.
	attempts = 3
)

// call is one Publish that waits for its commit.
type call struct {
	ctx     context.Context //nolint:containedctx // of the caller, who waits
	topics  []string
	records []*sarama.ProducerMessage
	receipt *receipt
	done    chan error
}

// outbox publishes calls in transactions. Its goroutine has one under way; the
// calls that come meanwhile are the next one, so that the price of a commit is
// shared by all who wait for it. (Several producers side by side were measured: two
// give 30 % more with 256 callers, nothing with 1,024, cost more with 16, and a call
// that was given up could overtake the one published instead of it.)
//
// An error leaves open whether a call was published, as a whole. It may be published
// again, and then comes after what was published before.
type outbox struct {
	t    *Transport
	id   string
	conf *sarama.Config // of its producers; nil: without transactions

	in   chan *call
	quit chan struct{}
	done chan struct{}
	once sync.Once

	// of the goroutine:
	identity *identity
	producer *producer // nil after a failure, until the next call
	// hurry is set when a transaction has taken too long.
	hurry atomic.Bool
}

func newOutbox(t *Transport, id string) (*outbox, error) {
	o := &outbox{t: t, id: id, in: make(chan *call, outboxQueue), quit: make(chan struct{}), done: make(chan struct{})}
	if !t.cfg.Transactions {
		close(o.done)
		return o, nil
	}
	var err error
	if o.conf, err = t.cfg.transacting(id); err != nil {
		return nil, err
	}
	o.conf.Producer.Transaction.Retry.BackoffFunc = o.backoff
	o.identity = newIdentity(t.cfg, o.conf.Producer.Transaction.ID)
	if err := t.ensureOwners(); err != nil {
		return nil, fmt.Errorf("open the outbox %s: %w", id, t.cfg.explain(err))
	}
	// Taking the id fences whoever has it, and ends what it left open.
	if err := o.open(true); err != nil {
		return nil, fmt.Errorf("open the outbox %s: %w", id, t.cfg.explain(err))
	}
	go o.run()
	return o, nil
}

// Publish implements mq.Outbox. It takes mq.kafka.publish_timeout at most. Without
// transactions (mq.kafka.transactions) a crash may leave a part of a call.
func (o *outbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	select {
	case <-o.quit:
		return mq.ErrClosed
	default:
	}
	if len(out) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.t.cfg.PublishTimeout)
	defer cancel()
	out = o.t.cfg.bound(out)
	if o.conf == nil {
		return o.t.pub.publish(ctx, out)
	}
	c := &call{ctx: ctx, topics: topicsOf(out), done: make(chan error, 1)}
	if err := o.t.knownBy(ctx, c.topics...); err != nil {
		return err
	}
	var err error
	if c.records, _, err = encode(out); err != nil {
		return err
	}
	if err := o.await(c); err != nil {
		return fmt.Errorf("publish %d messages, all or none: %w", len(out), err)
	}
	return nil
}

func (o *outbox) await(c *call) error {
	select {
	case o.in <- c:
	case <-o.quit:
		return mq.ErrClosed
	case <-c.ctx.Done():
		return fmt.Errorf("wait for earlier transactions: %w", c.ctx.Err())
	}
	select {
	case err := <-c.done:
		return err
	case <-c.ctx.Done():
		return fmt.Errorf("wait for the transaction (it may still be committed): %w", c.ctx.Err())
	case <-o.done:
	}
	select {
	case err := <-c.done: // it was answered before the end
		return err
	default:
		return mq.ErrClosed
	}
}

// Close finishes the calls that wait.
func (o *outbox) Close() error {
	o.once.Do(func() { close(o.quit) })
	<-o.done
	return nil
}

func (o *outbox) run() {
	defer close(o.done)
	defer o.discard()
	for {
		select {
		case c := <-o.in:
			o.settle(o.gather(c))
		case <-o.quit:
			for {
				select {
				case c := <-o.in:
					o.settle(o.gather(c))
				default:
					return
				}
			}
		}
	}
}

// gather takes the calls that wait.
func (o *outbox) gather(c *call) []*call {
	calls, n := []*call{c}, len(c.records)
	for n < outboxRecords {
		select {
		case c := <-o.in:
			calls, n = append(calls, c), n+len(c.records)
		default:
			return calls
		}
	}
	return calls
}

// settle brings calls to their answers. A call that cannot be published is answered
// by itself; the others are tried again without it, which does not count.
func (o *outbox) settle(calls []*call) {
	var err error
	for tried := 0; tried < attempts && !o.ending(tried); {
		if calls = o.refuse(calls); len(calls) == 0 {
			return
		}
		if err = o.transact(calls); err == nil {
			break
		}
		if errors.Is(err, mq.ErrFenced) {
			o.t.fence(fmt.Errorf("outbox %s: %w", o.id, err))
			break
		}
		left := o.blame(calls)
		if len(left) == len(calls) {
			tried++
		}
		calls = left
	}
	for _, c := range calls {
		c.done <- err
	}
}

// ending reports whether Close waits for something that has been tried.
func (o *outbox) ending(tried int) bool {
	select {
	case <-o.quit:
		return tried > 0
	default:
		return false
	}
}

// refuse answers the calls that nobody waits for any more, and those with a topic
// that is not there, and returns the others.
func (o *outbox) refuse(calls []*call) []*call {
	left := calls[:0]
	for _, c := range calls {
		err := c.ctx.Err()
		if err == nil {
			err = o.t.knownBy(c.ctx, c.topics...)
		}
		if err != nil {
			c.done <- err
			continue
		}
		left = append(left, c)
	}
	return left
}

// blame answers the calls that a transaction failed by, and returns the others.
func (o *outbox) blame(calls []*call) []*call {
	left := calls[:0]
	for _, c := range calls {
		if c.receipt != nil && final(c.receipt.outcome()) {
			if err := o.t.judge(c.ctx, c.receipt.outcome()); final(err) {
				c.done <- err
				continue
			}
		}
		left = append(left, c)
	}
	return left
}
