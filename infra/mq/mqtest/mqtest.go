// Package mqtest is the suite that every message queue driver has to pass: Watermill's own suite and, on top
// of it, order per key under nacks, runs, offsets over a restart, draining, backpressure and the all-or-none
// outbox.
package mqtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// Driver is a transport under test.
type Driver struct {
	// Open opens the transport on a directory, or on whatever stands for one: what was published is there
	// when the same directory is opened again.
	Open func(tb testing.TB, dir string) mq.Transport
	// Durable drivers keep messages and offsets over a close.
	Durable bool
	// Shared drivers may be opened several times on one directory at the same time, as by several processes.
	Shared bool
}

// Run runs everything.
func Run(t *testing.T, d Driver) {
	t.Run("watermill", func(t *testing.T) { watermillSuite(t, d) })
	cases := map[string]func(*testing.T, Driver){
		"order per key holds under nacks":                    orderUnderNack,
		"order per key holds in runs":                        orderInRuns,
		"a run is bounded in bytes":                          runBytes,
		"a nack holds back what is behind it":                nackHolds,
		"a group starts with the oldest message":             groupStartsOldest,
		"every group gets everything":                        everyGroup,
		"a tail sees what comes after Subscribe":             tailIsPinned,
		"a waiting subscriber takes over":                    takeOver,
		"a subscriber that does not ack stops at its window": backpressure,
		"an outbox call is whole":                            outboxWhole,
		"an unknown topic is refused":                        unknownTopic,
		"what is too large is refused whole":                 tooLarge,
		"a deleted topic forgets":                            deletedTopic,
		"a reader without a group ends with its topic":       deletedTail,
		"a closed transport says so":                         closedTransport,
	}
	if d.Durable {
		cases["close drains, and what was acked stays acked"] = drainOnClose
		cases["what was not acked comes again after a reopen"] = resume
	}
	if d.Shared {
		cases["members come and go"] = membersComeAndGo
		cases["members share the work"] = membersShare
		cases["nobody starts on what a leaving member has in flight"] = inFlightIsAlone
		cases["a member goes on right behind the last"] = exactHandOver
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

const patience = 20 * time.Second

func open(t *testing.T, d Driver) mq.Transport {
	t.Helper()
	tr := d.Open(t, t.TempDir())
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

func ensure(t *testing.T, tr mq.Transport, topics ...string) {
	t.Helper()
	for _, name := range topics {
		require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: name, Partitions: 4}))
	}
}

func subscribe(t *testing.T, tr mq.Transport, topic string, cfg mq.SubscriberConfig) (<-chan *message.Message, message.Subscriber) {
	t.Helper()
	if cfg.NackDelay == 0 {
		cfg.NackDelay = time.Millisecond
	}
	sub, err := tr.Subscriber(cfg)
	require.NoError(t, err)
	ch, err := sub.Subscribe(context.WithoutCancel(t.Context()), topic)
	require.NoError(t, err)
	return ch, sub
}

// numbered makes a message whose UUID is "key/n".
func numbered(key string, n int) *message.Message {
	m := message.NewMessage(fmt.Sprintf("%s/%d", key, n), []byte(key))
	m.Metadata[mq.KeyMetadata] = key
	return m
}

func publish(t *testing.T, tr mq.Transport, topic string, msgs ...*message.Message) {
	t.Helper()
	require.NoError(t, tr.Publisher().Publish(topic, msgs...))
}

// receive returns the next message or fails.
func receive(t *testing.T, ch <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-ch:
		require.True(t, ok, "the subscription ended")
		return m
	case <-time.After(patience):
		require.FailNow(t, "no message arrived")
		return nil
	}
}

// watermillSuite runs the library's suite, whose topics are made when they are first used.
func watermillSuite(t *testing.T, d Driver) {
	features := tests.Features{
		ConsumerGroups: true, GuaranteedOrder: true, Persistent: true,
		RequireSingleInstance: true, ForceShort: true,
	}
	instances := &instances{driver: d, open: map[string]mq.Transport{}}
	t.Cleanup(func() { instances.close(t) })
	group := func(t *testing.T, name string) (message.Publisher, message.Subscriber) {
		t.Helper()
		tr := instances.get(t)
		sub, err := tr.Subscriber(mq.SubscriberConfig{Group: name, Lanes: 1, NackDelay: time.Millisecond, DrainTimeout: time.Second})
		require.NoError(t, err)
		return &madePublisher{tr: tr}, madeSubscriber{sub, tr}
	}
	tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) {
		t.Helper()
		return group(t, "group")
	}, group)
}

// instances has one transport for each test of Watermill's suite: a test makes several publishers and
// subscribers of the transport and closes these one by one.
type instances struct {
	driver Driver
	mu     sync.Mutex
	open   map[string]mq.Transport
}

func (i *instances) get(t *testing.T) mq.Transport {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	tr, ok := i.open[t.Name()]
	if !ok {
		tr = i.driver.Open(t, t.TempDir())
		i.open[t.Name()] = tr
	}
	return tr
}

func (i *instances) close(t *testing.T) {
	t.Helper()
	for _, tr := range i.open {
		require.NoError(t, tr.Close())
	}
}

type madePublisher struct {
	tr     mq.Transport
	mu     sync.Mutex
	closed bool
}

func (p *madePublisher) Publish(topic string, msgs ...*message.Message) error {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return mq.ErrClosed
	}
	if err := p.tr.Ensure(context.Background(), mq.Topic{Name: topic, Partitions: 1}); err != nil {
		return err
	}
	return p.tr.Publisher().Publish(topic, msgs...)
}

func (p *madePublisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

type madeSubscriber struct {
	message.Subscriber
	tr mq.Transport
}

func (s madeSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := s.tr.Ensure(ctx, mq.Topic{Name: topic, Partitions: 1}); err != nil {
		return nil, err
	}
	return s.Subscriber.Subscribe(ctx, topic)
}

func (s madeSubscriber) SubscribeInitialize(topic string) error {
	return s.tr.Ensure(context.Background(), mq.Topic{Name: topic, Partitions: 1})
}
