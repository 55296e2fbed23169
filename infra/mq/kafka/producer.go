package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/eapache/go-resiliency/breaker"

	"github.com/gochat/gochat/infra/mq"
)

// producing returns the configuration of a producer. With sarama's own defaults records could be lost (acks
// of one broker) and change their order (5 requests in flight).
func (c Config) producing() (*sarama.Config, error) {
	s, err := c.sarama()
	if err != nil {
		return nil, err
	}
	p := &s.Producer
	p.RequiredAcks = sarama.WaitForAll
	p.Idempotent = true
	s.Net.MaxOpenRequests = 1
	// A broker that stands still is given up only after its callers have given up.
	s.Net.ReadTimeout = max(c.PublishTimeout, c.Timeout)
	p.Timeout = c.PublishTimeout / 2
	p.Partitioner = sarama.NewHashPartitioner
	p.Return.Successes, p.Return.Errors = true, true
	p.Retry.Max = 5
	p.Retry.Backoff = 100 * time.Millisecond
	p.Flush.MaxMessages = 4096
	p.MaxMessageBytes = mq.MaxRecordBytes
	return s, nil
}

// producer hands records to sarama and collects their outcomes. sarama's own synchronous producer has a
// channel and two hand-overs for each record, and no deadline.
type producer struct {
	client sarama.Client
	async  sarama.AsyncProducer
	ended  chan struct{} // every record has its outcome, and no more is taken
	once   sync.Once
}

func newProducer(brokers []string, conf *sarama.Config) (*producer, error) {
	client, err := sarama.NewClient(brokers, conf)
	if err != nil {
		return nil, err
	}
	return newProducerOf(client)
}

// newProducerOf takes the client over, and closes it.
func newProducerOf(client sarama.Client) (*producer, error) {
	async, err := sarama.NewAsyncProducerFromClient(client)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	p := &producer{client: client, async: async, ended: make(chan struct{})}
	go p.collect()
	return p, nil
}

// collect signs receipts until the producer has ended.
func (p *producer) collect() {
	defer close(p.ended)
	successes, failures := p.async.Successes(), p.async.Errors()
	for successes != nil || failures != nil {
		select {
		case r, ok := <-successes:
			if !ok {
				successes = nil
				continue
			}
			r.Metadata.(*receipt).sign(1, nil) //nolint:forcetypeassert // send puts it there
		case f, ok := <-failures:
			if !ok {
				failures = nil
				continue
			}
			err := f.Err
			switch {
			case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
				err = &goneError{topic: f.Msg.Topic}
			case errors.Is(err, sarama.ErrMessageSizeTooLarge): // encode refuses what is too large by itself
				err = &tooSmall{topic: f.Msg.Topic, err: err}
			}
			f.Msg.Metadata.(*receipt).sign(1, err) //nolint:forcetypeassert // send puts it there
		}
	}
}

// send hands records over in their order. What ctx leaves no time for is not sent,
// and its outcome is ctx's error.
func (p *producer) send(ctx context.Context, r *receipt, records []*sarama.ProducerMessage) {
	in := p.async.Input()
	for i, one := range records {
		one.Metadata = r
		select {
		case in <- one:
		case <-ctx.Done():
			r.sign(len(records)-i, ctx.Err())
			return
		}
	}
}

// close flushes and ends; records that are not confirmed within limit fail. Nobody may send from then on.
func (p *producer) close(limit time.Duration) error {
	p.once.Do(p.async.AsyncClose)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.ended:
		p.hangUp()
		return nil
	case <-timer.C:
		p.hangUp()
		<-p.ended
		return fmt.Errorf("the brokers did not confirm what is on its way within %v", limit)
	}
}

// hangUp closes the connections, so that requests that wait for a broker fail.
func (p *producer) hangUp() {
	_ = p.client.Close() // which fails only if it was done before
}

// receipt says what became of the records of one call.
type receipt struct {
	left    atomic.Int64
	done    chan struct{} // closed when every record has its outcome
	release func()

	mu  sync.Mutex
	err error // a final one before any other
}

func newReceipt(records int, release func()) *receipt {
	r := &receipt{done: make(chan struct{}), release: release}
	r.left.Store(int64(records))
	return r
}

// sign notes the outcome of n records.
func (r *receipt) sign(n int, err error) {
	if err != nil {
		r.mu.Lock()
		if r.err == nil || !final(r.err) && final(err) {
			r.err = err
		}
		r.mu.Unlock()
	}
	if r.left.Add(-int64(n)) == 0 {
		close(r.done)
		if r.release != nil {
			r.release()
		}
	}
}

// outcome of a receipt that is done.
func (r *receipt) outcome() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// goneError is the error of a record whose topic the brokers do not know.
type goneError struct{ topic string }

func (e *goneError) Error() string { return fmt.Sprintf("%v: %s", mq.ErrUnknownTopic, e.topic) }
func (e *goneError) Unwrap() error { return mq.ErrUnknownTopic }

// final reports whether publishing the record again cannot help, because the error is the record's own.
func final(err error) bool {
	return errors.Is(err, mq.ErrUnknownTopic) || errors.Is(err, mq.ErrTooLarge)
}

// worn reports whether a producer has to be replaced. After three failures sarama's circuit breaker does not
// even try for ten seconds, in which the broker may be back; a new producer tries.
func worn(err error) bool {
	return errors.Is(err, breaker.ErrBreakerOpen) || errors.Is(err, sarama.ErrClosedClient) ||
		errors.Is(err, sarama.ErrInvalidProducerEpoch) || errors.Is(err, sarama.ErrUnknownProducerID)
}
