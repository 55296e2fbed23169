package batch_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/infra/batch"
)

// TestManyCallers: each call is answered exactly once, even around Stop, and a call answered with nil was
// worked on.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	var worked, done, refused atomic.Int64
	b := batch.New(batch.Config[int]{
		Waiting: 8, Count: 16, Bytes: 64, AtOnce: 2, Size: func(n int) (int, int) { return 1, n },
		Work: func(group []*batch.Call[int]) {
			for _, c := range group {
				worked.Add(int64(c.Value))
				c.Answer(nil)
			}
		},
	})
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			for range 200 {
				n := rand.IntN(80)
				c, err := b.Submit(t.Context(), n)
				if err == nil {
					err = c.Wait(t.Context())
				}
				if err == nil {
					done.Add(int64(n))
				} else if assert.ErrorIs(t, err, batch.ErrClosed) {
					refused.Add(1)
				}
			}
		})
	}
	for worked.Load() < 32*200*20 {
		time.Sleep(time.Millisecond)
	}
	b.Stop()
	callers.Wait()
	<-b.Done()
	assert.Equal(t, worked.Load(), done.Load())
	t.Logf("%d calls met the end", refused.Load())
}

// BenchmarkCalls is the batcher's own cost of a call, whose work costs nothing.
func BenchmarkCalls(b *testing.B) {
	calls := batch.New(batch.Config[int]{
		Waiting: 256, Count: 1024, Bytes: 1 << 20, AtOnce: 1, Size: func(int) (int, int) { return 1, 1 },
		Work: func(group []*batch.Call[int]) {
			for _, c := range group {
				c.Answer(nil)
			}
		},
	})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c, err := calls.Submit(b.Context(), 1)
			if err == nil {
				err = c.Wait(b.Context())
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
	calls.Stop()
	<-calls.Done()
}
