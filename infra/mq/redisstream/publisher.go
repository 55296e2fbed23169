package redisstream

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	wredis "github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

const (
	// publishQueue is how many calls may wait for the one under way.
	publishQueue = 256
	// together and togetherBytes are from where on a script takes no further calls:
	// Redis does nothing else meanwhile.
	together, togetherBytes = 1024, 1 << 20
	// sending is how many scripts may be under way.
	sending = 2
)

// entry is one message for one stream.
type entry struct {
	stream string
	fields [3]any // uuid, metadata, payload
}

// call is one publish: all of its entries are added, or none.
type call struct {
	entries []entry
	bytes   int               // of the entries
	topicOf map[string]string // stream → topic
	done    chan error
}

// publisher adds what concurrent calls publish in as few scripts as possible: while
// one is under way the next is gathered. Calls of one caller that waits for each
// answer keep their order.
type publisher struct {
	t    *Transport
	in   chan *call
	quit chan struct{}
	done chan struct{}
	once sync.Once
}

func newPublisher(t *Transport) *publisher {
	p := &publisher{t: t, in: make(chan *call, publishQueue), quit: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

// Publish implements message.Publisher: it returns nil when Redis has every message
// and, as far as it is told to, its replicas.
func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	out := make([]mq.Outbound, len(messages))
	for i, m := range messages {
		out[i] = mq.Outbound{Topic: topic, Message: m}
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.t.cfg.PublishTimeout)
	defer cancel()
	return p.publish(ctx, out)
}

// Close is the transport's business.
func (p *publisher) Close() error { return nil }

// outbox publishes calls whole, as the publisher does anyway.
type outbox struct{ p *publisher }

// Publish implements mq.Outbox.
func (o outbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	ctx, cancel := context.WithTimeout(ctx, o.p.t.cfg.PublishTimeout)
	defer cancel()
	return o.p.publish(ctx, out)
}

func (p *publisher) publish(ctx context.Context, out []mq.Outbound) error {
	select {
	case <-p.quit: // only now: what subscribers drain may still publish
		return mq.ErrClosed
	default:
	}
	if len(out) == 0 {
		return nil
	}
	c := &call{topicOf: map[string]string{}, done: make(chan error, 1)}
	for _, o := range out {
		if err := c.add(ctx, p.t, o); err != nil {
			return err
		}
	}
	if c.bytes > mq.MaxCallBytes {
		return fmt.Errorf("%w: %d messages with %d bytes in one call, the limit is %d", mq.ErrTooLarge, len(out), c.bytes, mq.MaxCallBytes)
	}
	select {
	case p.in <- c:
	case <-p.quit:
		return mq.ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("publish %d messages: %w", len(out), ctx.Err())
	}
	select {
	case err := <-c.done:
		return err
	case <-p.done:
		select {
		case err := <-c.done:
			return err
		default: // it came too late
			return mq.ErrClosed
		}
	case <-ctx.Done(): // it may get there all the same
		return fmt.Errorf("publish %d messages: %w", len(out), ctx.Err())
	}
}

func (c *call) add(ctx context.Context, t *Transport, o mq.Outbound) error {
	if size := mq.RecordBytes(o.Message); size > mq.MaxRecordBytes {
		return fmt.Errorf("%w: message %s has %d bytes, the limit is %d", mq.ErrTooLarge, o.Message.UUID, size, mq.MaxRecordBytes)
	}
	shards, err := t.shards(ctx, o.Topic)
	if err != nil {
		return err
	}
	values, err := marshaler.Marshal(o.Topic, o.Message)
	if err != nil {
		return fmt.Errorf("encode message %s: %w", o.Message.UUID, err)
	}
	metadata, _ := values["metadata"].([]byte)
	stream := t.keys.stream(o.Topic, shardOf(o.Message, shards))
	c.topicOf[stream] = o.Topic
	c.entries = append(c.entries, entry{stream, [3]any{values[wredis.UUIDHeaderKey], metadata, values["payload"]}})
	c.bytes += len(o.Message.UUID) + len(metadata) + len(o.Message.Payload)
	return nil
}

// run gathers calls and sends them, a few scripts at a time. A caller that waits for
// its answer has one call under way, so scripts that overtake each other change no
// order that anybody relies on.
func (p *publisher) run() {
	defer close(p.done)
	slots := make(chan struct{}, sending)
	var under sync.WaitGroup
	defer under.Wait()
	for {
		var first *call
		select {
		case first = <-p.in:
		case <-p.quit:
			select {
			case first = <-p.in: // what was handed over before the end
			default:
				return
			}
		}
		slots <- struct{}{}
		calls := p.gather(first)
		under.Go(func() {
			p.settle(calls)
			<-slots
		})
	}
}

func (p *publisher) gather(first *call) []*call {
	calls, n, bytes := []*call{first}, len(first.entries), first.bytes
	for n < together && bytes < togetherBytes {
		select {
		case c := <-p.in:
			calls, n, bytes = append(calls, c), n+len(c.entries), bytes+c.bytes
		default:
			return calls
		}
	}
	return calls
}

// settle answers calls; those that name a stream which is gone are answered so, and
// the others are sent without them.
func (p *publisher) settle(calls []*call) {
	for len(calls) > 0 {
		gone, err := p.send(calls)
		if len(gone) == 0 || err != nil {
			for _, c := range calls {
				c.done <- err
			}
			return
		}
		left := calls[:0]
		for _, c := range calls {
			if err := c.refused(p.t, gone); err != nil {
				c.done <- err
			} else {
				left = append(left, c)
			}
		}
		calls = left
	}
}

func (c *call) refused(t *Transport, gone map[string]bool) error {
	for stream, topic := range c.topicOf {
		if gone[stream] {
			t.saw(topic, 0)
			return fmt.Errorf("%w: %s", mq.ErrUnknownTopic, topic)
		}
	}
	return nil
}

// send runs one script for all calls and returns the streams that are missing, when
// nothing was added because of them.
func (p *publisher) send(calls []*call) (gone map[string]bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.t.cfg.Timeout)
	defer cancel()
	var keys []string
	var args []any
	number := map[string]string{}
	for _, c := range calls {
		for _, e := range c.entries {
			n, ok := number[e.stream]
			if !ok {
				keys = append(keys, e.stream)
				n = strconv.Itoa(len(keys))
				number[e.stream] = n
			}
			args = append(args, n, e.fields[0], e.fields[1], e.fields[2])
		}
	}
	missing, err := p.execute(ctx, keys, args)
	if err != nil {
		return nil, fmt.Errorf("publish %d messages: %w", len(args)/4, err)
	}
	gone = map[string]bool{}
	for _, n := range missing {
		gone[keys[n-1]] = true
	}
	return gone, nil
}

// execute runs the script, and waits for as many replicas as are asked for.
func (p *publisher) execute(ctx context.Context, keys []string, args []any) (missing []int64, err error) {
	rdb, want := p.t.rdb, p.t.cfg.WaitReplicas
	if want == 0 {
		return p.t.scripts.publish.Run(ctx, rdb, keys, args...).Int64Slice()
	}
	// Replicas are waited for on the connection that wrote.
	pipe := rdb.Pipeline()
	script := p.t.scripts.publish.Eval(ctx, pipe, keys, args...)
	have := pipe.Do(ctx, "WAIT", want, (p.t.cfg.Timeout / 2).Milliseconds())
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	got, err := have.Int()
	if err != nil {
		return nil, err
	}
	if got < want {
		return nil, fmt.Errorf("%d of %d replicas confirmed it in time (setting mq.redisstream.wait_replicas); it is on the master", got, want)
	}
	return script.Int64Slice()
}

// close answers what waits and ends the goroutine.
func (p *publisher) close() {
	p.once.Do(func() { close(p.quit) })
	<-p.done
}
