package mqtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

func groupStartsOldest(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	publish(t, tr, "topic", numbered("a", 1))
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "late"})
	m := receive(t, ch)
	assert.Equal(t, "a/1", m.UUID)
	m.Ack()
}

func everyGroup(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic", "other")
	for _, group := range []string{"one", "two"} {
		ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: group})
		publish(t, tr, "other", numbered("x", 1))
		publish(t, tr, "topic", numbered("a", 1))
		m := receive(t, ch)
		assert.Equal(t, "a/1", m.UUID)
		m.Ack()
	}
}

func tailIsPinned(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	publish(t, tr, "topic", numbered("a", 1))
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Start: mq.StartNewest, Lanes: 1})
	publish(t, tr, "topic", numbered("a", 2), numbered("a", 3))
	for _, want := range []string{"a/2", "a/3"} {
		m := receive(t, ch)
		assert.Equal(t, want, m.UUID)
		m.Ack()
	}
}

func takeOver(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	cfg := mq.SubscriberConfig{Group: "g", Lanes: 1, DrainTimeout: 50 * time.Millisecond}
	first, one := subscribe(t, tr, "topic", cfg)
	publish(t, tr, "topic", numbered("a", 1), numbered("a", 2))
	receive(t, first).Ack()
	held := receive(t, first) // not acknowledged
	require.Equal(t, "a/2", held.UUID)
	second, _ := subscribe(t, tr, "topic", cfg)
	require.NoError(t, one.Close())
	m := receive(t, second)
	assert.Equal(t, "a/2", m.UUID)
	m.Ack()
}

func drainOnClose(t *testing.T, d Driver) {
	dir := t.TempDir()
	tr := d.Open(t, dir)
	ensure(t, tr, "topic")
	cfg := mq.SubscriberConfig{Group: "g", Lanes: 1}
	ch, _ := subscribe(t, tr, "topic", cfg)
	publish(t, tr, "topic", numbered("a", 1), numbered("a", 2))
	m := receive(t, ch)
	closed := make(chan error, 1)
	go func() { closed <- tr.Close() }()
	select {
	case err := <-closed:
		require.FailNow(t, "closed with a delivery in flight", "%v", err)
	case <-time.After(20 * time.Millisecond):
	}
	require.NoError(t, m.Context().Err(), "work in flight is not cancelled by a drain")
	m.Ack()
	require.NoError(t, <-closed)
	_, more := <-ch
	require.False(t, more)

	tr = d.Open(t, dir)
	ch, _ = subscribe(t, tr, "topic", cfg)
	again := receive(t, ch)
	assert.Equal(t, "a/2", again.UUID)
	again.Ack()
	require.NoError(t, tr.Close())
}

func resume(t *testing.T, d Driver) {
	dir := t.TempDir()
	cfg := mq.SubscriberConfig{Group: "g", Lanes: 4, DrainTimeout: 10 * time.Millisecond}
	tr := d.Open(t, dir)
	ensure(t, tr, "topic")
	publishKeys(t, tr, "topic")
	ch, _ := subscribe(t, tr, "topic", cfg)
	acked := map[string]bool{}
	for range keys * perKey / 2 {
		m := receive(t, ch)
		acked[m.UUID] = true
		m.Ack()
	}
	require.NoError(t, tr.Close())

	tr = d.Open(t, dir)
	ch, _ = subscribe(t, tr, "topic", cfg)
	for len(acked) < keys*perKey {
		m := receive(t, ch)
		acked[m.UUID] = true
		m.Ack()
	}
	require.NoError(t, tr.Close())
}

func outboxWhole(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "one", "two")
	out, err := tr.Outbox("replica")
	require.NoError(t, err)
	err = out.Publish(t.Context(), mq.Outbound{Topic: "one", Message: numbered("lost", 1)},
		mq.Outbound{Topic: "nowhere", Message: numbered("lost", 1)})
	require.ErrorIs(t, err, mq.ErrUnknownTopic)
	require.NoError(t, out.Publish(t.Context(), mq.Outbound{Topic: "one", Message: numbered("a", 1)},
		mq.Outbound{Topic: "two", Message: numbered("a", 1)}))
	for _, topic := range []string{"one", "two"} {
		ch, _ := subscribe(t, tr, topic, mq.SubscriberConfig{Group: "g"})
		m := receive(t, ch)
		assert.Equal(t, "a/1", m.UUID, topic)
		m.Ack()
	}
}

func unknownTopic(t *testing.T, d Driver) {
	tr := open(t, d)
	require.ErrorIs(t, tr.Publisher().Publish("nowhere", numbered("a", 1)), mq.ErrUnknownTopic)
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g"})
	require.NoError(t, err)
	_, err = sub.Subscribe(t.Context(), "nowhere")
	require.ErrorIs(t, err, mq.ErrUnknownTopic)
}

func deletedTopic(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	publish(t, tr, "topic", numbered("old", 1))
	require.NoError(t, tr.Delete(t.Context(), "topic", "never there"))
	require.ErrorIs(t, tr.Publisher().Publish("topic", numbered("a", 1)), mq.ErrUnknownTopic)
	ensure(t, tr, "topic")
	publish(t, tr, "topic", numbered("new", 1))
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "g"})
	m := receive(t, ch)
	assert.Equal(t, "new/1", m.UUID)
	m.Ack()
}

// deletedTail: a gateway whose topic was deleted would be silent for ever if its reader went on.
func deletedTail(t *testing.T, d Driver) {
	tr := open(t, d)
	for name, topic := range map[string]mq.Topic{"kept": {Name: "kept", Partitions: 1}, "tail": {Name: "tail", Partitions: 1, Tail: true}} {
		require.NoError(t, tr.Ensure(t.Context(), topic))
		ch, _ := subscribe(t, tr, name, mq.SubscriberConfig{Start: mq.StartNewest, Lanes: 1})
		publish(t, tr, name, numbered(name, 1))
		receive(t, ch).Ack()
		require.NoError(t, tr.Delete(t.Context(), name))
		select {
		case m, more := <-ch:
			require.False(t, more, "%v", m)
		case <-time.After(2 * patience):
			require.FailNow(t, "the reader goes on", name)
		}
	}
}

func closedTransport(t *testing.T, d Driver) {
	tr := d.Open(t, t.TempDir())
	ensure(t, tr, "topic")
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g"})
	require.NoError(t, err)
	out, err := tr.Outbox("replica")
	require.NoError(t, err)
	require.NoError(t, tr.Close())
	require.NoError(t, tr.Close(), "closing twice is fine")

	_, subErr := sub.Subscribe(t.Context(), "topic")
	_, newErr := tr.Subscriber(mq.SubscriberConfig{Group: "g"})
	for what, err := range map[string]error{
		"publish":    tr.Publisher().Publish("topic", numbered("a", 1)),
		"outbox":     out.Publish(context.Background(), mq.Outbound{Topic: "topic", Message: numbered("a", 1)}),
		"subscribe":  subErr,
		"subscriber": newErr,
	} {
		assert.True(t, errors.Is(err, mq.ErrClosed), "%s: %v", what, err) //nolint:testifylint // several in one
	}
}
