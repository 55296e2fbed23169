package mqtest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

const (
	keys   = 20
	perKey = 40
)

// publishKeys publishes perKey messages for each key, keys mixed.
func publishKeys(t *testing.T, tr mq.Transport, topic string) {
	t.Helper()
	for n := 1; n <= perKey; n++ {
		for k := range keys {
			publish(t, tr, topic, numbered(fmt.Sprintf("key%d", k), n))
		}
	}
}

// inOrder checks a delivery of a message against the last acknowledged number
// of its key.
type inOrder map[string]int

func (o inOrder) see(t *testing.T, uuid string, key string, acked bool) {
	t.Helper()
	var n int
	_, err := fmt.Sscanf(uuid[len(key)+1:], "%d", &n)
	require.NoError(t, err)
	require.Equal(t, o[key]+1, n, "key %s", key)
	if acked {
		o[key] = n
	}
}

func orderUnderNack(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "g", Lanes: 8})
	publishKeys(t, tr, "topic")
	seen := inOrder{}
	nacks := 0
	for acked := 0; acked < keys*perKey; {
		m := receive(t, ch)
		ack := rand.IntN(4) > 0 //nolint:gosec // a coin
		seen.see(t, m.UUID, m.Metadata[mq.KeyMetadata], ack)
		if ack {
			acked++
			m.Ack()
		} else {
			nacks++
			m.Nack()
		}
	}
	assert.Positive(t, nacks)
}

func orderInRuns(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	publishKeys(t, tr, "topic")
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "g", Lanes: 4, Run: 16})
	seen := inOrder{}
	longest := 0
	for acked := 0; acked < keys*perKey; {
		m := receive(t, ch)
		run := mq.Run(m)
		require.LessOrEqual(t, len(run), 16)
		longest = max(longest, len(run))
		if rand.IntN(4) == 0 { //nolint:gosec // a coin
			m.Nack()
			continue
		}
		for _, one := range run {
			seen.see(t, one.UUID, one.Metadata[mq.KeyMetadata], true)
		}
		acked += len(run)
		m.Ack()
	}
	assert.Greater(t, longest, 1, "what is queued goes together")
}

func nackHolds(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "g", Lanes: 8, DrainTimeout: time.Millisecond})
	publish(t, tr, "topic", numbered("a", 1))
	first := receive(t, ch)
	// Keys of other lanes go on; the hash has a seed, so one of several does.
	publish(t, tr, "topic", numbered("a", 2), numbered("b", 1), numbered("c", 1), numbered("d", 1), numbered("e", 1),
		numbered("f", 1), numbered("g", 1), numbered("h", 1), numbered("i", 1), numbered("j", 1))
	other := receive(t, ch)
	require.NotEqual(t, "a", other.Metadata[mq.KeyMetadata])
	other.Ack()
	next := func() *message.Message { // of key a; the others are let through
		for {
			m := receive(t, ch)
			if m.Metadata[mq.KeyMetadata] == "a" {
				return m
			}
			m.Ack()
		}
	}
	for range 3 {
		first.Nack()
		first = next()
		require.Equal(t, "a/1", first.UUID)
	}
	first.Ack()
	require.Equal(t, "a/2", next().UUID)
}

func backpressure(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "g", Lanes: 64, Window: 8, DrainTimeout: time.Millisecond})
	for n := range 200 { // publishers are not held up by a slow group
		publish(t, tr, "topic", numbered(fmt.Sprintf("key%d", n), 1))
	}
	unacked := 0
	for quiet := false; !quiet; {
		select {
		case <-ch:
			unacked++
		case <-time.After(200 * time.Millisecond):
			quiet = true
		}
	}
	assert.Positive(t, unacked)
	assert.LessOrEqual(t, unacked, 8)
}

func runBytes(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	const small, large = 100, 1500
	for n := 1; n <= 20; n++ {
		m := numbered("a", n)
		m.Payload = make([]byte, small)
		if n%7 == 0 {
			m.Payload = make([]byte, large)
		}
		publish(t, tr, "topic", m)
	}
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "g", Lanes: 1, Run: 100, RunBytes: 1000})
	for got := 0; got < 20; {
		m := receive(t, ch)
		bytes := 0
		for _, one := range mq.Run(m) {
			bytes += len(one.Payload)
		}
		if n := len(mq.Run(m)); n > 1 {
			assert.LessOrEqual(t, bytes, 1000)
		}
		got += len(mq.Run(m))
		m.Ack()
	}
}
