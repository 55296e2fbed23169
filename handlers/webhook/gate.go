package webhook

import (
	"math/rand/v2"
	"time"
)

// severalFail is how many different conversations have to fail, without a success in between, until the
// failures count as the receiver's and not as those of single conversations.
const severalFail = 3

// gate is a hook's circuit breaker. Closed means that the receiver counts as down and that attempts are held back
// (a circuit breaker calls that open). The first failure of the receiver as a whole closes the gate, and so do the
// failures of severalFail conversations. From then on one attempt at a time may try, at longer and longer
// intervals, until one succeeds. One goroutine uses the gate.
type gate struct {
	first, most time.Duration
	streak      int
	until       time.Time
	// closedAt is when the present pause began. The failure of an attempt that began before it says nothing
	// new.
	closedAt time.Time
	failing  map[string]bool
}

func newGate(cfg Config) *gate {
	return &gate{first: cfg.Backoff, most: cfg.BackoffMax, failing: map[string]bool{}}
}

// limit returns how many more attempts may begin, given the free slots and the attempts in flight.
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

// failed notes the failure of an attempt, and reports whether it closes a gate that was not closed. receiver
// says that the failure is about the receiver as a whole, and not about what it was sent; atLeast is the pause
// that the receiver asked for.
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

// backoff is the pause after so many failures in a row. A random part of it, at most half, is left out, so that
// attempts which failed together are not repeated together.
func backoff(first, most time.Duration, failures int) time.Duration {
	d := most
	if shift := max(failures-1, 0); shift < 32 && first<<shift < most {
		d = first << shift
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // no secret
}
