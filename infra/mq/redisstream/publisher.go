package redisstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	wredis "github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/batch"
	"github.com/gochat/gochat/infra/mq"
)

const (
	// publishQueue is how many calls may wait for the one under way.
	publishQueue = 256
	// together and togetherBytes bound a script: Redis does nothing else while it runs.
	together, togetherBytes = 1024, 1 << 20
	// sending is how many scripts may be under way.
	sending = 2
)

// entry is one message for one stream.
type entry struct {
	stream string
	fields [3]any // uuid, metadata, payload
}

// publishing is one publish: all of its entries are added, or none.
type publishing struct {
	entries []entry
	bytes   int               // of the entries
	topicOf map[string]string // stream → topic
}

// call is a publish that waits.
type call = batch.Call[publishing]

// publisher adds the messages of concurrent calls by as few scripts as possible: while some scripts are under
// way the next one is gathered. Scripts may overtake each other, but a caller that waits for its answer has
// one call under way, so the order of its calls is kept.
type publisher struct {
	t     *Transport
	calls *batch.Batcher[publishing]
}

func newPublisher(t *Transport) *publisher {
	p := &publisher{t: t}
	p.calls = batch.New(batch.Config[publishing]{
		Waiting: publishQueue, Count: together, Bytes: togetherBytes, AtOnce: sending, Work: p.settle,
		Size: func(v publishing) (count, bytes int) { return len(v.entries), v.bytes },
	})
	return p
}

// Publish implements message.Publisher: it returns nil when Redis has every message, and as many replicas as
// mq.redisstream.wait_replicas says.
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

// outbox publishes calls that are all or none, as those of the publisher are anyway.
type outbox struct{ p *publisher }

// Publish implements mq.Outbox.
func (o outbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	ctx, cancel := context.WithTimeout(ctx, o.p.t.cfg.PublishTimeout)
	defer cancel()
	return o.p.publish(ctx, out)
}

func (p *publisher) publish(ctx context.Context, out []mq.Outbound) error {
	if p.calls.Stopping() { // not before: handlers may publish while subscribers drain
		return mq.ErrClosed
	}
	if len(out) == 0 {
		return nil
	}
	v := publishing{topicOf: map[string]string{}}
	for _, o := range out {
		if err := v.add(ctx, p.t, o); err != nil {
			return err
		}
	}
	if v.bytes > mq.MaxCallBytes {
		return fmt.Errorf("%w: %d messages with %d bytes in one call, the limit is %d", mq.ErrTooLarge, len(out), v.bytes, mq.MaxCallBytes)
	}
	c, err := p.calls.Submit(ctx, v)
	if err == nil {
		err = c.Wait(ctx)
	}
	switch {
	case errors.Is(err, batch.ErrClosed):
		return mq.ErrClosed
	case errors.Is(err, batch.ErrUnknown) || c == nil && err != nil:
		return fmt.Errorf("publish %d messages: %w", len(out), err)
	}
	return err
}

func (v *publishing) add(ctx context.Context, t *Transport, o mq.Outbound) error {
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
	v.topicOf[stream] = o.Topic
	v.entries = append(v.entries, entry{stream, [3]any{values[wredis.UUIDHeaderKey], metadata, values["payload"]}})
	v.bytes += len(o.Message.UUID) + len(metadata) + len(o.Message.Payload)
	return nil
}

// settle answers calls. Those that name a missing stream get mq.ErrUnknownTopic, and the others are sent
// without them.
func (p *publisher) settle(calls []*call) {
	for len(calls) > 0 {
		gone, err := p.send(calls)
		if len(gone) == 0 || err != nil {
			for _, c := range calls {
				c.Answer(err)
			}
			return
		}
		left := calls[:0]
		for _, c := range calls {
			if err := c.Value.refused(p.t, gone); err != nil {
				c.Answer(err)
			} else {
				left = append(left, c)
			}
		}
		calls = left
	}
}

func (v *publishing) refused(t *Transport, gone map[string]bool) error {
	for stream, topic := range v.topicOf {
		if gone[stream] {
			t.saw(topic, 0)
			return fmt.Errorf("%w: %s", mq.ErrUnknownTopic, topic)
		}
	}
	return nil
}

// send runs one script for all calls. It returns the streams that are missing, in which case nothing was
// added.
func (p *publisher) send(calls []*call) (gone map[string]bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.t.cfg.Timeout)
	defer cancel()
	var keys []string
	var args []any
	number := map[string]string{}
	for _, c := range calls {
		for _, e := range c.Value.entries {
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

// execute runs the script, and waits for WaitReplicas replicas.
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

// close answers the waiting calls and ends.
func (p *publisher) close() {
	p.calls.Stop()
	<-p.calls.Done()
}
