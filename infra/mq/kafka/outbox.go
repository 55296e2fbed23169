package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/batch"
	"github.com/gochat/gochat/infra/mq"
)

const (
	// outboxQueue is how many calls may wait for the transaction after the next.
	outboxQueue = 256
	// outboxRecords and outboxBytes bound a transaction, so that it stays short.
	outboxRecords = 8192
	outboxBytes   = 64 << 20
	// attempts is how often a call is tried whose transaction failed through no fault
	// of its own.
	attempts = 3
)

// publishing is what one Publish wants to be committed.
type publishing struct {
	topics  []string
	records []*sarama.ProducerMessage
	bytes   int
	receipt *receipt
}

// call is a Publish that waits for its commit.
type call = batch.Call[publishing]

// outbox publishes calls in transactions. It has one under way; the calls that come meanwhile are in the next
// one, so that all who wait share the price of a commit. (Several producers side by side were measured: two
// give 30 % more with 256 callers, nothing with 1,024, cost more with 16, and a call that was given up could
// overtake the one published instead of it.)
//
// An error leaves open whether the call was published, but it was as a whole or not at all. A call that is
// repeated comes after what was published before.
type outbox struct {
	t    *Transport
	id   string
	conf *sarama.Config // of its producers; nil: without transactions

	calls *batch.Batcher[publishing] // nil: without transactions
	quit  chan struct{}
	once  sync.Once

	// Of the transaction under way:
	identity *identity
	producer *producer // nil after a failure, until the next call
	// hurry is set when a transaction has taken longer than mq.kafka.publish_timeout.
	hurry atomic.Bool
}

func newOutbox(t *Transport, id string) (*outbox, error) {
	o := &outbox{t: t, id: id, quit: make(chan struct{})}
	if !t.cfg.Transactions {
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
	// Registering the id fences the process that has it, and ends the transaction that is open under it.
	if err := o.open(true); err != nil {
		return nil, fmt.Errorf("open the outbox %s: %w", id, t.cfg.explain(err))
	}
	o.calls = batch.New(batch.Config[publishing]{
		Waiting: outboxQueue, Count: outboxRecords, Bytes: outboxBytes, AtOnce: 1, Work: o.settle,
		Size: func(p publishing) (count, bytes int) { return len(p.records), p.bytes },
	})
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
	p := publishing{topics: topicsOf(out)}
	if err := o.t.knownBy(ctx, p.topics...); err != nil {
		return err
	}
	records, bytes, err := encode(out)
	if err != nil {
		return err
	}
	p.records, p.bytes = records, int(bytes)
	if err := o.await(ctx, p); err != nil {
		return fmt.Errorf("publish %d messages, all or none: %w", len(out), err)
	}
	return nil
}

func (o *outbox) await(ctx context.Context, p publishing) error {
	c, err := o.calls.Submit(ctx, p)
	switch {
	case errors.Is(err, batch.ErrClosed):
		return mq.ErrClosed
	case err != nil:
		return fmt.Errorf("wait for earlier transactions: %w", err)
	}
	err = c.Wait(ctx)
	switch {
	case errors.Is(err, batch.ErrClosed):
		return mq.ErrClosed
	case errors.Is(err, batch.ErrUnknown):
		return fmt.Errorf("wait for the transaction (it may still be committed): %w", err)
	}
	return err
}

// Close finishes the calls that wait.
func (o *outbox) Close() error {
	o.once.Do(func() {
		close(o.quit)
		if o.calls != nil {
			o.calls.Stop()
			<-o.calls.Done()
			o.discard()
		}
	})
	return nil
}

// settle publishes calls and answers each. A call that can never be published gets its error; the others are
// tried again without it, which does not count as an attempt.
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
		c.Answer(err)
	}
}

// ending reports whether Close waits for calls that have been tried at least once.
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
		err := c.Context().Err()
		if err == nil {
			err = o.t.knownBy(c.Context(), c.Value.topics...)
		}
		if err != nil {
			c.Answer(err)
			continue
		}
		left = append(left, c)
	}
	return left
}

// blame answers the calls that made a transaction fail and can never be published, and returns the others.
func (o *outbox) blame(calls []*call) []*call {
	left := calls[:0]
	for _, c := range calls {
		if r := c.Value.receipt; r != nil && final(r.outcome()) {
			if err := o.t.judge(c.Context(), r.outcome()); final(err) {
				c.Answer(err)
				continue
			}
		}
		left = append(left, c)
	}
	return left
}
