package gateway

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// retrySpread hands out delays in an order that looks random. No delay comes again before every millisecond of the
// width was handed out once. Safe for concurrent use.
type retrySpread struct {
	width uint64
	step  uint64
	at    atomic.Uint64
}

// minRetry is the shortest delay in milliseconds that a client is told.
const minRetry = 200

func newRetrySpread(width time.Duration) *retrySpread {
	r := &retrySpread{width: uint64(max(width.Milliseconds(), 1))}
	r.step = coprime(r.width)
	r.at.Store(rand.Uint64N(r.width)) //nolint:gosec // spreads load, keeps no secret
	return r
}

// coprime returns a step that visits every number below width before it repeats one.
func coprime(width uint64) uint64 {
	step := width*6/10 + 1
	for ; ; step++ {
		a, b := step, width
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return step
		}
	}
}

// next returns a delay in milliseconds.
func (r *retrySpread) next() int64 {
	return minRetry + int64(r.at.Add(1)%r.width*r.step%r.width) //nolint:gosec // both are small
}
