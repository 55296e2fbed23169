package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/contracts"
)

// One publish takes at most maxBatch sends, and no more sends once it has maxBatchBytes of payload, because message
// queues bound the size of a call.
const (
	maxBatch      = 512
	maxBatchBytes = 1 << 20
)

// errPublishSlow is what the senders of a batch are told that was not confirmed within PublishTimeout. The batch may
// still be published; sending again is harmless.
var errPublishSlow = errors.New("the queue did not confirm in time")

// sender is told whether its send was published. kick collects the sockets whose writer the caller starts after the
// whole batch.
type sender interface {
	published(tempID string, err error, kick *kicks)
}

// send is one message on its way to the queue.
type send struct {
	msg    *message.Message
	tempID string
	from   sender
	spans  sending
}

// upstream gathers the sends of all sockets into batches: while one publish is in flight the next batch grows, so that
// many sends share one confirmation of the queue.
type upstream struct {
	pub     message.Publisher
	timeout time.Duration
	metrics *metrics
	in      chan send
	// quit ends the batcher when nobody submits any more; done is closed by it.
	quit chan struct{}
	done chan struct{}
}

func newUpstream(pub message.Publisher, cfg Config, m *metrics) *upstream {
	return &upstream{
		pub: pub, timeout: cfg.PublishTimeout, metrics: m,
		in: make(chan send, cfg.UpstreamQueue), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// submit hands a send over. It blocks while UpstreamQueue sends wait, which is the backpressure on senders; sends of
// one caller keep their order. An error says that ctx is done or that the gateway has stopped.
func (u *upstream) submit(ctx context.Context, s send) error {
	select {
	case u.in <- s:
		return nil
	default:
	}
	select {
	case u.in <- s:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-u.done:
		return context.Canceled
	}
}

// run publishes until quit, and then what is left.
func (u *upstream) run() {
	defer close(u.done)
	var b batch
	for {
		select {
		case s := <-u.in:
			b.add(s)
		case <-u.quit:
			for b.fill(u.in) {
				u.publish(&b)
			}
			return
		}
		b.fill(u.in)
		u.publish(&b)
	}
}

// batch is what one publish takes.
type batch struct {
	sends []send
	msgs  []*message.Message
	bytes int // of payloads
	kick  kicks
}

func (b *batch) add(s send) {
	b.sends = append(b.sends, s)
	b.msgs = append(b.msgs, s.msg)
	b.bytes += len(s.msg.Payload)
}

// fill takes what is there and reports whether the batch has anything in it.
func (b *batch) fill(in <-chan send) bool {
	for len(b.sends) < maxBatch && b.bytes < maxBatchBytes {
		select {
		case s := <-in:
			b.add(s)
		default:
			return len(b.sends) > 0
		}
	}
	return true
}

func (u *upstream) publish(b *batch) {
	begin := time.Now()
	answer := make(chan error, 1)
	// The publisher may keep the slice for as long as it works, even beyond the timeout.
	msgs := b.msgs
	go func() { answer <- u.pub.Publish(contracts.TopicUpstream, msgs...) }()
	slow := time.NewTimer(u.timeout)
	defer slow.Stop()
	select {
	case err := <-answer:
		u.metrics.published(len(msgs), time.Since(begin), err)
		u.answer(b, err)
	case <-slow.C:
		u.metrics.published(len(msgs), time.Since(begin), errPublishSlow)
		u.answer(b, errPublishSlow)
		b.msgs = nil
		// The next batch must not overtake this one.
		u.metrics.late(time.Since(begin), <-answer)
	}
	clear(b.msgs)
	b.msgs = b.msgs[:0]
}

func (u *upstream) answer(b *batch, err error) {
	for i, s := range b.sends {
		s.spans.end(err)
		s.from.published(s.tempID, err, &b.kick)
		b.sends[i] = send{}
	}
	b.sends, b.bytes = b.sends[:0], 0
	b.kick.start()
}
