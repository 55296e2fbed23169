package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// TestClosingInTheMiddleOfARebalance has members come and go at once: whatever their
// group is doing, each closes, and what they leave is there for the next.
func TestClosingInTheMiddleOfARebalance(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.prefix + "topic"
	require.NoError(t, r.Ensure(t.Context(), mq.Topic{Name: topic, Partitions: 6}))
	defer func() { require.NoError(t, r.Delete(context.Background(), topic)) }()
	const many = 500
	for n := range many {
		require.NoError(t, r.Publisher().Publish(topic, keyedTo(fmt.Sprint(n%20), fmt.Sprint(n))))
	}
	var mu sync.Mutex
	done := map[string]bool{}
	take := func(ch <-chan *message.Message) {
		for m := range ch {
			mu.Lock()
			done[m.UUID] = true
			mu.Unlock()
			m.Ack()
		}
	}
	subscribe := func() message.Subscriber {
		sub, err := r.Subscriber(mq.SubscriberConfig{Group: r.prefix + "g", Lanes: 8})
		require.NoError(t, err)
		ch, err := sub.Subscribe(context.WithoutCancel(t.Context()), topic)
		require.NoError(t, err)
		go take(ch)
		return sub
	}
	for i := range 8 {
		subs := []message.Subscriber{subscribe(), subscribe()}
		time.Sleep(time.Duration(i) * 40 * time.Millisecond) // each time at another moment
		for _, sub := range subs {
			closed := make(chan error, 1)
			go func() { closed <- sub.Close() }()
			select {
			case err := <-closed:
				require.NoError(t, err)
			case <-time.After(20 * time.Second):
				require.FailNow(t, "it does not close")
			}
		}
	}
	last := subscribe()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(done) == many
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, last.Close())
}

// TestManySubscriptionsShareATransport: each is a member, and each ends by its own context.
func TestManySubscriptionsShareATransport(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	topic := r.topic(t, "topic")
	sub, err := r.Subscriber(mq.SubscriberConfig{Start: mq.StartNewest})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	first, err := sub.Subscribe(ctx, topic)
	require.NoError(t, err)
	second, err := sub.Subscribe(context.WithoutCancel(t.Context()), topic)
	require.NoError(t, err)
	require.NoError(t, r.Publisher().Publish(topic, keyedTo("k", "1")))
	for _, ch := range []<-chan *message.Message{first, second} {
		assert.Equal(t, "1", next(t, ch).UUID)
	}
	cancel()
	_, more := <-first
	require.False(t, more)
	require.NoError(t, r.Publisher().Publish(topic, keyedTo("k", "2")))
	assert.Equal(t, "2", next(t, second).UUID)
	require.NoError(t, sub.Close())
	_, more = <-second
	require.False(t, more)
	_, err = sub.Subscribe(t.Context(), topic)
	require.ErrorIs(t, err, mq.ErrClosed)
}

func keyedTo(key, id string) *message.Message {
	m := message.NewMessage(id, nil)
	m.Metadata[mq.KeyMetadata] = key
	return m
}
