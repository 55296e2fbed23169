package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

const (
	// outboxQueue is how many calls may wait for the transaction after the next.
	outboxQueue = 256
	// gatherFor is how long a transaction's producer waits for the rest of what it was
	// given at once, which comes through one goroutine for each partition.
	gatherFor = 2 * time.Millisecond
	// outboxRecords ends a transaction's gathering, so that it stays short.
	outboxRecords = 8192
	// attempts is how often a call is tried whose transaction failed through no fault
	// of its own.
	attempts = 3
)

// call is one Publish that waits for its commit.
type call struct {
	records []*sarama.ProducerMessage
	topics  []string
	done    chan error
}

// outbox publishes calls in transactions. Its goroutine has one under way; the
// calls that come meanwhile are the next one, so that the price of a commit is
// shared by all who wait for it.
type outbox struct {
	t  *Transport
	id string

	in   chan *call
	quit chan struct{}
	done chan struct{}
	once sync.Once

	// of the goroutine:
	producer sarama.SyncProducer
}

func newOutbox(t *Transport, id string) (*outbox, error) {
	o := &outbox{t: t, id: id, in: make(chan *call, outboxQueue), quit: make(chan struct{}), done: make(chan struct{})}
	// Taking the id fences whoever has it, and ends what it left open.
	if err := o.open(); err != nil {
		return nil, fmt.Errorf("open the outbox %s: %w", id, t.cfg.explain(err))
	}
	go o.run()
	return o, nil
}

func (o *outbox) open() error {
	base, err := o.t.cfg.sarama()
	if err != nil {
		return err
	}
	s := o.t.cfg.producing(base)
	if o.t.cfg.Transactions {
		tx := &s.Producer.Transaction
		tx.ID, tx.Timeout = o.id, o.t.cfg.TransactionTimeout
		// Each request of a transaction that has a new partition in it costs the
		// coordinator a round of its own: one request for all is several times cheaper.
		s.Producer.Flush.Frequency = gatherFor
		tx.Retry.Max = 1000 // of tries that are a few ms apart: a coordinator finishes the one before
		tx.Retry.BackoffFunc = func(n, _ int) time.Duration { return min(time.Duration(1+n/4)*time.Millisecond, 20*time.Millisecond) }
	}
	o.producer, err = sarama.NewSyncProducer(o.t.cfg.Brokers, s)
	return err
}

// Publish implements mq.Outbox.
func (o *outbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	if len(out) == 0 {
		return nil
	}
	c := &call{topics: topicsOf(out), done: make(chan error, 1)}
	for _, topic := range c.topics {
		if err := o.t.known(topic); err != nil {
			return err
		}
	}
	for _, one := range out {
		r, err := marshaler.Marshal(one.Topic, one.Message)
		if err != nil {
			return fmt.Errorf("encode message %s: %w", one.Message.UUID, err)
		}
		c.records = append(c.records, r)
	}
	select {
	case o.in <- c:
	case <-o.quit:
		return mq.ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("publish to %d topics: %w", len(c.topics), ctx.Err())
	}
	select {
	case err := <-c.done:
		return err
	case <-o.done:
		// The goroutine may have answered before it ended.
		select {
		case err := <-c.done:
			return err
		default:
			return mq.ErrClosed
		}
	case <-ctx.Done():
		return fmt.Errorf("publish to %d topics: %w", len(c.topics), ctx.Err())
	}
}

// Close finishes the calls that wait.
func (o *outbox) Close() error {
	o.once.Do(func() { close(o.quit) })
	<-o.done
	if o.producer == nil {
		return nil
	}
	if err := o.producer.Close(); err != nil {
		return fmt.Errorf("close the outbox %s: %w", o.id, err)
	}
	return nil
}

func (o *outbox) run() {
	defer close(o.done)
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

// settle brings calls to their answers. One that names a topic which has gone
// meanwhile is answered so; the others are tried again without it.
func (o *outbox) settle(calls []*call) {
	var err error
	for range attempts {
		if calls = o.refuse(calls); len(calls) == 0 {
			return
		}
		if err = o.transact(calls); err == nil {
			break
		}
		if !errors.Is(err, mq.ErrUnknownTopic) && !errors.Is(err, errRebuilt) {
			break
		}
	}
	for _, c := range calls {
		c.done <- err
	}
}

// refuse answers the calls whose topics are not there and returns the others.
func (o *outbox) refuse(calls []*call) []*call {
	left := calls[:0]
	for _, c := range calls {
		var err error
		for _, topic := range c.topics {
			err = errors.Join(err, o.t.known(topic))
		}
		if err != nil {
			c.done <- err
			continue
		}
		left = append(left, c)
	}
	return left
}

// errRebuilt is wrapped when the producer had to be made anew and the calls may be
// tried again.
var errRebuilt = errors.New("the producer was made anew")

// transact publishes calls in one transaction.
func (o *outbox) transact(calls []*call) error {
	if o.producer == nil {
		if err := o.open(); err != nil {
			return fmt.Errorf("open the outbox %s again: %w", o.id, err)
		}
	}
	var records []*sarama.ProducerMessage
	for _, c := range calls {
		for _, r := range c.records {
			again := *r // the producer writes to what it is given
			records = append(records, &again)
		}
	}
	if !o.t.cfg.Transactions {
		if err := o.producer.SendMessages(records); err != nil {
			return fmt.Errorf("publish %d records: %w", len(records), o.t.judge(err))
		}
		return nil
	}
	if err := o.producer.BeginTxn(); err != nil {
		return o.rebuild(fmt.Errorf("begin a transaction: %w", err))
	}
	if err := o.producer.SendMessages(records); err != nil {
		return o.abort(fmt.Errorf("publish %d records: %w", len(records), o.t.judge(err)))
	}
	if err := o.producer.CommitTxn(); err != nil {
		return o.abort(fmt.Errorf("commit %d records: %w", len(records), err))
	}
	return nil
}

// abort ends a transaction that failed. A producer that cannot even do this is
// made anew, which ends the transaction, too.
func (o *outbox) abort(cause error) error {
	if o.producer.TxnStatus()&sarama.ProducerTxnFlagFatalError == 0 {
		if err := o.producer.AbortTxn(); err == nil {
			return cause
		}
	}
	return o.rebuild(cause)
}

// rebuild makes a new producer of the same id. A producer that was fenced is not
// needed any more by whoever fenced it, unless two processes have one name.
func (o *outbox) rebuild(cause error) error {
	if errors.Is(cause, sarama.ErrProducerFenced) || errors.Is(cause, sarama.ErrInvalidProducerEpoch) {
		o.t.log.Warn("this outbox was fenced: its transaction took too long, or another process has the same name",
			zap.String("transactional_id", o.id), zap.Error(cause))
	}
	if err := o.producer.Close(); err != nil {
		o.t.log.Debug("a broken producer did not close", zap.Error(err))
	}
	o.producer = nil
	if err := o.open(); err != nil {
		o.producer = nil
		return fmt.Errorf("%w (and making the producer anew: %w)", cause, err)
	}
	return fmt.Errorf("%w after %w", errRebuilt, cause)
}
