package stream

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

// TestWhatOneProcessReadsIsNotKept: records of a tail topic are handed over in order, however slow the disk
// is, and a later reader does not get them.
func TestWhatOneProcessReadsIsNotKept(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Hour})
	out, err := s.Outbox("id")
	require.NoError(t, err)
	own := func(id string) mq.Outbound { return mq.Outbound{Topic: "own", Message: message.NewMessage(id, nil)} }
	require.NoError(t, out.Publish(t.Context(), own("nobody reads yet")))
	sub, err := s.Subscriber(mq.SubscriberConfig{Lanes: 1, Window: 2, DrainTimeout: time.Millisecond})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "own")
	require.NoError(t, err)

	g.gate.Lock()
	published := make(chan error, 1)
	go func() { published <- out.Publish(t.Context(), own("1"), effect("kept"), own("2")) }()
	for _, want := range []string{"1", "2"} {
		m := <-in
		assert.Equal(t, want, m.UUID)
		m.Ack()
	}
	g.gate.Unlock()
	require.NoError(t, <-published)
	assert.Len(t, g.crashed().entries, 1, "only what others read")

	// A reader that does not take a record holds up its publisher.
	require.NoError(t, out.Publish(t.Context(), own("3"), own("4")))
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, out.Publish(short, own("5")), context.DeadlineExceeded)
	require.NoError(t, sub.Close())
	require.NoError(t, out.Publish(t.Context(), own("6")), "nobody reads any more")

	group, err := s.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 1})
	require.NoError(t, err)
	_, err = group.Subscribe(t.Context(), "own")
	require.ErrorContains(t, err, "one process")
	require.NoError(t, s.Close())
	require.ErrorIs(t, out.Publish(t.Context(), own("7")), mq.ErrClosed)
}

// TestManyPublishersOneReader: each publisher's records come in its order.
func TestManyPublishersOneReader(t *testing.T) {
	t.Parallel()
	s, _ := openGated(t, Config{})
	sub, err := s.Subscriber(mq.SubscriberConfig{Lanes: 1, Run: 16, Window: 64})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "own")
	require.NoError(t, err)
	const publishers, each = 8, 200
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			for n := range each {
				m := message.NewMessage(fmt.Sprintf("%d/%d", p, n), nil)
				m.Metadata[mq.KeyMetadata] = "own"
				assert.NoError(t, s.Publisher().Publish("own", m))
			}
		})
	}
	next := map[int]int{}
	for got := 0; got < publishers*each; {
		m := <-in
		for _, one := range mq.Run(m) {
			var p, n int
			_, err := fmt.Sscanf(one.UUID, "%d/%d", &p, &n)
			require.NoError(t, err)
			require.Equal(t, next[p], n, "publisher %d", p)
			next[p]++
			got++
		}
		m.Ack()
	}
	publishing.Wait()
	require.NoError(t, s.Close())
}
