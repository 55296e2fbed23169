package webhook

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Config{Backoff: time.Second, BackoffMax: time.Minute})
		began := time.Now()
		assert.Equal(t, 8, g.limit(time.Now(), 8, 0))
		assert.False(t, g.failed("a", began, false, 0), "one conversation may be bad by itself")
		assert.False(t, g.failed("a", began, false, 0))
		assert.False(t, g.failed("b", began, false, 0))
		assert.Equal(t, 8, g.limit(time.Now(), 8, 0))
		assert.False(t, g.succeeded(), "it was never closed")
		assert.False(t, g.failed("b", began, false, 0))
		assert.False(t, g.failed("c", began, false, 0))
		assert.True(t, g.failed("d", began, false, 0), "three are not")

		time.Sleep(time.Millisecond)
		assert.False(t, g.failed("e", began, true, 0), "those that were under way say nothing new")
		assert.Equal(t, 1, g.streak)
		assert.Equal(t, 0, g.limit(time.Now(), 8, 0), "it is closed for a while")
		time.Sleep(time.Second)
		assert.Equal(t, 0, g.limit(time.Now(), 8, 1), "one at a time")
		assert.Equal(t, 1, g.limit(time.Now(), 8, 0))
		assert.False(t, g.failed("e", time.Now(), true, 30*time.Second), "it is closed already")
		time.Sleep(29 * time.Second)
		assert.Equal(t, 0, g.limit(time.Now(), 8, 0), "it asked for more time")
		time.Sleep(2 * time.Second)
		assert.Equal(t, 1, g.limit(time.Now(), 8, 0))
		assert.False(t, g.failed("f", time.Now(), true, time.Hour))
		time.Sleep(time.Minute + time.Second)
		assert.Equal(t, 1, g.limit(time.Now(), 8, 0), "it does not get more time than there is")
		assert.True(t, g.succeeded())
		assert.Equal(t, 8, g.limit(time.Now(), 8, 0))
		assert.True(t, g.failed("g", time.Now(), true, 0), "a receiver's own failure closes it at once")
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute,
	} {
		seen := map[time.Duration]bool{}
		for range 50 {
			d := backoff(time.Second, time.Minute, failures)
			assert.LessOrEqual(t, d, want)
			assert.GreaterOrEqual(t, d, want/2)
			seen[d] = true
		}
		assert.Greater(t, len(seen), 10, "no two the same")
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "short", clip("short"))
	long := clip(strings.Repeat("ü", 300))
	assert.Equal(t, strings.Repeat("ü", 100)+"…", long)
	assert.Equal(t, "x"+strings.Repeat("ü", 99)+"…", clip("x"+strings.Repeat("ü", 300)))
}
