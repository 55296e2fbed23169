package cachetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
)

// aDay fills with a token every four hours, up to six: a test takes no time beside that.
var aDay = cache.Rate{Tokens: 6, Per: 24 * time.Hour, Burst: 6}

// slack is how much a wait may be off: what the test itself takes.
const slack = time.Minute

func bucketsFill(t *testing.T, c Kept) {
	for i, step := range []struct {
		pass     time.Duration
		n, least int
		back     int
		taken    int
		wait     time.Duration
	}{
		{n: 4, least: 4, taken: 4},
		{n: 4, least: 4, wait: 8 * time.Hour},
		{n: 4, least: 1, taken: 2},
		{n: 4, least: 1, wait: 4 * time.Hour},
		{pass: 3 * time.Hour, n: 1, least: 1, wait: time.Hour},
		{pass: time.Hour, n: 1, least: 1, taken: 1},
		{pass: 6 * time.Hour, n: 3, least: 1, taken: 1},
		{n: 3, least: 1, wait: 2 * time.Hour}, // no part of a token was lost
		{pass: 2 * time.Hour, n: 3, least: 1, taken: 1},
		{back: 2, n: 3, least: 1, taken: 2},
		{n: 1, least: 1, wait: 4 * time.Hour},
		{back: 99, n: 99, least: 99, taken: 6}, // no more than it holds, either way
		{pass: 400 * time.Hour, n: 99, least: 1, taken: 6},
	} {
		if step.pass > 0 {
			c.Pass(t, step.pass, "k")
		}
		ask := cache.Ask{Key: "k", Rate: aDay, Tokens: step.n, Least: step.least}
		if step.back > 0 {
			back := ask
			back.Tokens = step.back
			require.NoError(t, c.ReturnTokens(t.Context(), []cache.Ask{back}))
		}
		taken, wait, err := c.TakeTokens(t.Context(), []cache.Ask{ask})
		require.NoError(t, err)
		if step.taken == 0 {
			assert.Empty(t, taken, "step %d", i)
		} else {
			assert.Equal(t, []int{step.taken}, taken, "step %d", i)
		}
		assert.InDelta(t, step.wait, wait, float64(slack), "step %d", i)
	}
	taken, _, err := c.TakeTokens(t.Context(), []cache.Ask{{Key: "another", Rate: aDay, Tokens: 6, Least: 6}})
	require.NoError(t, err)
	assert.Equal(t, []int{6}, taken)
}

func takenFromAllOrNone(t *testing.T, c Kept) {
	ask := func(key string, n int) cache.Ask { return cache.Ask{Key: key, Rate: aDay, Tokens: n, Least: n} }
	take := func(asks ...cache.Ask) ([]int, time.Duration) {
		taken, wait, err := c.TakeTokens(t.Context(), asks)
		require.NoError(t, err)
		return taken, wait
	}
	taken, _ := take(ask("a", 2), ask("b", 5))
	assert.Equal(t, []int{2, 5}, taken)
	atMost := ask("a", 99)
	atMost.Least = 1
	taken, wait := take(atMost, ask("b", 2))
	assert.Empty(t, taken)
	assert.InDelta(t, 4*time.Hour, wait, float64(slack))
	taken, wait = take(ask("a", 4), ask("b", 1))
	assert.Equal(t, []int{4, 1}, taken, "what was taken first was given back")
	assert.Zero(t, wait)
	require.NoError(t, c.ReturnTokens(t.Context(), []cache.Ask{ask("a", 1), ask("b", 3)}))
	taken, _ = take(ask("a", 1), ask("b", 3))
	assert.Equal(t, []int{1, 3}, taken)
	taken, _ = take(ask("a", 1))
	assert.Empty(t, taken)
}

// bucketsAreShared: however many ask at the same time, no more goes out than the bucket holds.
func bucketsAreShared(t *testing.T, c Kept) {
	const holds = 50
	for i := range 4 { // every node of a cluster gets some
		ask := cache.Ask{Key: fmt.Sprint("shared:", i), Rate: cache.Rate{Tokens: 1, Per: time.Hour, Burst: holds}, Tokens: 3, Least: 1}
		var total atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					taken, wait, err := c.TakeTokens(context.WithoutCancel(t.Context()), []cache.Ask{ask})
					assert.NoError(t, err)
					assert.Equal(t, len(taken) == 0, wait > 0)
					for _, n := range taken {
						total.Add(int64(n))
					}
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, holds, total.Load())
	}
}
