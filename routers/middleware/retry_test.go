package middleware

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// TestPausesBetweenRetries begin with what is set, double, and have an upper bound.
func TestPausesBetweenRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		last, counted := time.Now(), 0
		_, err := Retry{Times: 5, Pause: time.Second, PauseMax: 4 * time.Second, Count: func(string, error) { counted++ }, Log: zap.NewNop()}.Middleware(
			func(*message.Message) ([]*message.Message, error) {
				pauses, last = append(pauses, time.Since(last)), time.Now()
				return nil, errStrange
			})(message.NewMessage("a", nil))
		require.ErrorIs(t, err, errStrange)
		require.Len(t, pauses, 6)
		require.Equal(t, 5, counted)
		for i, want := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second} {
			assert.InDelta(t, want, pauses[i], 0.31*float64(want), i)
		}
	})
}
