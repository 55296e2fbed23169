package handlers

import (
	"context"
	"math"
	"time"
)

// Storable cuts the number of a message to what a database's signed integer holds; no
// conversation gets there.
func Storable(seq uint64) uint64 { return min(seq, math.MaxInt64) }

// Pause waits; false when ctx is done first.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
