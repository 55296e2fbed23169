// Package pause has the waits of background work, between its tries and its rounds, which end early when the
// work is told to end.
package pause

import (
	"math/rand/v2"
	"time"
)

// For waits for d; false when done is closed first. A context's Done fits.
func For(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}

// After is how long to wait after a number of failures in a row: about first after one failure, twice as long
// after each further one, and never longer than most. A random part, up to a half, is left out, so that those
// who failed together do not come back together.
func After(failures int, first, most time.Duration) time.Duration {
	d := most
	if shift := max(failures-1, 0); shift < 32 && first<<shift < most {
		d = first << shift
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // no secret
}

// About is d, up to an eighth shorter or longer at random, so that processes that began together do not keep
// coming at the same time.
func About(d time.Duration) time.Duration {
	return d - d/8 + rand.N(d/4+1) //nolint:gosec // no secret
}
