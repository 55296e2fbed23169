package webhook

import (
	"math/rand/v2"
	"time"
)

// severalFail is how many conversations have to fail, without a success in between,
// until it is taken for the receiver's trouble and not theirs.
const severalFail = 3

// gate is a hook's circuit breaker: it keeps the hook from running against a receiver that is down.
// It closes with the first failure that is of the receiver as a whole, and then lets one attempt
// through at a time, at longer and longer intervals. One goroutine uses it.
type gate struct {
	first, most time.Duration
	streak      int
	until       time.Time
	// closedAt is when the present pause began: what began before has nothing new to say.
	closedAt time.Time
	failing  map[string]bool
}

func newGate(cfg Config) *gate {
	return &gate{first: cfg.Backoff, most: cfg.BackoffMax, failing: map[string]bool{}}
}

// limit is how many more attempts may begin, with so many slots free and so many
// under way.
func (g *gate) limit(now time.Time, free, busy int) int {
	switch {
	case g.streak == 0:
		return free
	case now.Before(g.until) || busy > 0:
		return 0
	}
	return min(1, free)
}

// closed reports whether the receiver counts as down.
func (g *gate) closed() bool { return g.streak > 0 }

// succeeded opens the gate and reports whether it was closed.
func (g *gate) succeeded() (opened bool) {
	opened = g.closed()
	g.streak = 0
	clear(g.failing)
	return opened
}

// failed notes that an attempt which began at some time failed, and reports whether
// that closes the gate. receiver: the failure is of the receiver as a whole, and not of what it
// was sent.
func (g *gate) failed(conversation string, began time.Time, receiver bool, atLeast time.Duration) (shut bool) {
	if len(g.failing) < severalFail {
		g.failing[conversation] = true
	}
	if !receiver && len(g.failing) < severalFail || !began.After(g.closedAt) {
		return false
	}
	g.streak++
	g.closedAt = time.Now()
	g.until = g.closedAt.Add(max(backoff(g.first, g.most, g.streak), min(atLeast, g.most)))
	return g.streak == 1
}

// backoff is the pause after so many failures in a row, of which a random half is
// left out, so that those who failed together do not come back together.
func backoff(first, most time.Duration, failures int) time.Duration {
	d := most
	if shift := max(failures-1, 0); shift < 32 && first<<shift < most {
		d = first << shift
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // no secret
}
