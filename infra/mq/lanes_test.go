package mq

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func record(offset uint64, key string, bytes int) Record {
	m := message.NewMessage(fmt.Sprint(key, "/", offset), make([]byte, bytes))
	m.Metadata[KeyMetadata] = key
	return Record{Offset: offset, Message: m}
}

// TestTheWindowCountsBytes: the window is bounded in bytes as well, the low-water mark makes room again, and
// a record above the bound is taken alone.
func TestTheWindowCountsBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const fit, size = 8, 100 << 10
		cfg := SubscriberConfig{Lanes: 4, DrainTimeout: time.Millisecond, RunBytes: size, WindowBytes: fit * (size + 2<<10)}.WithDefaults()
		require.NoError(t, cfg.Validate())
		out := make(chan *message.Message)
		lanes := NewLanes(t.Context(), cfg, out)
		source := lanes.Source(func(uint64) {})
		ctx, cancel := context.WithCancel(t.Context())
		newest := 0
		go func() {
			for n := 1; n <= 200; n++ {
				bytes := size
				if n == 20 {
					bytes = 2 * cfg.WindowBytes
				}
				if !source.Feed(ctx, record(uint64(n), "key", bytes)) {
					return
				}
				newest = n
			}
		}()
		for n := 1; n <= 40; n++ {
			synctest.Wait()
			most := n - 1 + fit
			switch {
			case n < 20:
				most = min(most, 19)
			case n == 20:
				most = 20
			}
			assert.Equal(t, most, newest, "before message %d is acknowledged", n)
			(<-out).Ack()
		}
		cancel()
		synctest.Wait()
		lanes.Drain()
	})
}

// TestADrainEndsWhoWaitsForRoom: a Feed that waits for room in bytes ends with the drain, too.
func TestADrainEndsWhoWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := SubscriberConfig{DrainTimeout: time.Millisecond, RunBytes: 1, WindowBytes: 4 << 10}.WithDefaults()
		lanes := NewLanes(t.Context(), cfg, make(chan *message.Message))
		source := lanes.Source(func(uint64) {})
		require.True(t, source.Feed(t.Context(), record(1, "key", 3<<10)))
		ended := make(chan bool)
		go func() { ended <- source.Feed(t.Context(), record(2, "key", 3<<10)) }()
		synctest.Wait()
		lanes.Drain()
		assert.False(t, <-ended)
		assert.False(t, source.Feed(t.Context(), record(3, "key", 1)), "nothing is taken after the end")
	})
}

// TestFeedingGoesOnUntilTheEnd: Feed may be called while the lanes drain.
func TestFeedingGoesOnUntilTheEnd(t *testing.T) {
	t.Parallel()
	for range 2000 {
		out := make(chan *message.Message)
		lanes := NewLanes(t.Context(), SubscriberConfig{Lanes: 2, DrainTimeout: time.Second}.WithDefaults(), out)
		var feeding, taking sync.WaitGroup
		for i := range 2 {
			source := lanes.Source(func(uint64) {})
			feeding.Go(func() {
				for n := uint64(1); n < 100 && source.Feed(t.Context(), record(n, fmt.Sprint(i), 1)); n++ {
				}
			})
		}
		taking.Go(func() {
			for m := range out {
				m.Ack()
			}
		})
		lanes.Drain()
		close(out) // as subscribers do: nothing is delivered any more
		feeding.Wait()
		taking.Wait()
	}
}
