package mq

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

// The first false of a gate stops all lanes for good: a lane that got it waits for the drain, and a delivery
// by another lane after that would be out of order.
func TestTheFirstNoOfAGateIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := make(chan *message.Message, 8)
		lanes := NewLanes(t.Context(), SubscriberConfig{}.WithDefaults(), out)
		var may atomic.Bool
		lanes.Gate(may.Load)
		source := lanes.Source(func(uint64) {})
		feed := func(key string) {
			m := message.NewMessage(key, nil)
			m.Metadata[KeyMetadata] = key
			require.True(t, source.Feed(t.Context(), Record{Message: m}))
			synctest.Wait()
		}
		feed("told no")
		may.Store(true)
		for _, key := range []string{"a", "b", "c", "d"} {
			feed(key)
		}
		require.Empty(t, out)
		lanes.Drain()
	})
}
