package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

const (
	// coordinatorTries bounds the requests to a coordinator that is not ready; see backoff.
	coordinatorTries = 100
	// gatherFor is how long a transaction's producer gathers before it sends a request. Records of one call
	// come to it through one goroutine for each partition, and a request with a new partition in it costs one
	// more round trip to the coordinator.
	gatherFor = time.Millisecond
)

// transacting is the configuration of a producer with transactions.
func (c Config) transacting(id string) (*sarama.Config, error) {
	s, err := c.producing()
	if err != nil {
		return nil, err
	}
	s.Producer.Flush.Frequency = gatherFor
	tx := &s.Producer.Transaction
	tx.ID, tx.Timeout = s.ClientID+"-"+id, c.TransactionTimeout
	tx.Retry.Max = coordinatorTries
	return s, nil
}

// backoff is the pause between two requests to the coordinator, which takes a few ms to finish the
// transaction before, and longer to move. sarama limits these requests only by their number, so once the time
// is over there is no pause, and the tries are used up at once.
func (o *outbox) backoff(tried, _ int) time.Duration {
	if o.hurry.Load() {
		return 0
	}
	return min(time.Millisecond+time.Duration(max(tried-40, 0))*5*time.Millisecond, 250*time.Millisecond)
}

// open makes the producer. first: the process begins, and leaves its word as the owner of the id.
func (o *outbox) open(first bool) error {
	o.hurry.Store(false)
	client, err := sarama.NewClient(o.t.cfg.Brokers, o.conf)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.t.cfg.PublishTimeout)
	defer cancel()
	if first {
		err = o.identity.own(ctx, client)
	}
	if err == nil {
		err = o.identity.claim(ctx, client)
	}
	if err != nil {
		return errors.Join(err, client.Close())
	}
	o.producer, err = newProducerOf(client)
	return err
}

// transact publishes calls in one transaction. After a failure the producer is discarded: the next one aborts
// the transaction that was left open, and starts clean.
func (o *outbox) transact(calls []*call) error {
	for _, c := range calls {
		c.Value.receipt = nil
	}
	if o.producer == nil {
		if err := o.open(false); err != nil {
			return fmt.Errorf("open the outbox %s again: %w", o.id, err)
		}
	}
	p := o.producer
	late := time.AfterFunc(o.t.cfg.PublishTimeout, func() {
		o.hurry.Store(true)
		p.hangUp()
	})
	err := o.commit(calls)
	if !late.Stop() || err != nil {
		o.discard()
	}
	return err
}

func (o *outbox) commit(calls []*call) error {
	if err := o.producer.async.BeginTxn(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.t.cfg.PublishTimeout)
	defer cancel()
	for _, c := range calls {
		c.Value.receipt = newReceipt(len(c.Value.records), nil)
		o.producer.send(ctx, c.Value.receipt, c.Value.records)
	}
	var failed error
	for _, c := range calls {
		<-c.Value.receipt.done
		if err := c.Value.receipt.outcome(); err != nil && (failed == nil || final(err)) {
			failed = err
		}
	}
	if failed != nil {
		return fmt.Errorf("send the records of a transaction: %w", failed)
	}
	if err := o.producer.async.CommitTxn(); err != nil {
		return fmt.Errorf("commit a transaction: %w", err)
	}
	return nil
}

// discard ends the producer. What it left open is ended by the next one of its id, or
// by the coordinator after mq.kafka.transaction_timeout.
func (o *outbox) discard() {
	if o.producer == nil {
		return
	}
	if err := o.producer.close(o.t.cfg.PublishTimeout); err != nil {
		o.t.complaints.say("the producer of an outbox could not be closed cleanly", err)
	}
	o.producer = nil
}
