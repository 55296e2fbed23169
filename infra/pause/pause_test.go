package pause_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/infra/pause"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		assert.True(t, pause.For(t.Context().Done(), time.Minute))
		assert.Equal(t, time.Minute, time.Since(begin))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.False(t, pause.For(ctx.Done(), time.Hour))
		assert.Equal(t, time.Minute+time.Second, time.Since(begin))
	})
}

// TestAfter: each failure doubles the pause up to the longest one, and no two need to be the same.
func TestAfter(t *testing.T) {
	const first, most = 4 * time.Millisecond, 512 * time.Millisecond
	for failures, whole := range map[int]time.Duration{0: first, 1: first, 2: 2 * first, 5: 16 * first, 8: most, 9: most, 1000: most} {
		seen := map[time.Duration]bool{}
		for range 1000 {
			d := pause.After(failures, first, most)
			assert.LessOrEqual(t, whole/2, d)
			assert.LessOrEqual(t, d, whole)
			seen[d] = true
		}
		assert.Greater(t, len(seen), 900, "they differ")
	}
	assert.LessOrEqual(t, pause.After(1, time.Hour, time.Second), time.Second)
}

func TestAbout(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := pause.About(8 * time.Second)
		assert.InDelta(t, 8*time.Second, d, float64(time.Second))
		seen[d] = true
	}
	assert.Greater(t, len(seen), 900, "they differ")
	assert.Zero(t, pause.About(0))
}
