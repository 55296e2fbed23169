package chaos

import (
	"fmt"
	"time"
)

// Longest returns the longest wait of the talker's user since the last call of Longest: from a new send to its
// outcome, reconnects and repetitions included, or from the end of a socket until the next socket was open and its
// first sync was done.
func (t *Talker) Longest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.longest
	t.longest = 0
	return d
}

// Ended returns the number of sends that have their outcome.
func (t *Talker) Ended() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// Accepted returns the number of sends that are accepted and have no outcome yet.
func (t *Talker) Accepted() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.pending {
		if s.accepted {
			n++
		}
	}
	return n
}

// Unanswered describes a wait that began before a time and has not ended: for a socket, or for the outcome of a
// send. Empty: there is none.
func (t *Talker) Unanswered(before time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.left.IsZero() && t.left.Before(before) {
		return fmt.Sprintf("%s has had no socket for %s", t.Account.Name, time.Since(t.left).Round(time.Millisecond))
	}
	for id, s := range t.pending {
		if s.begun.Before(before) {
			return fmt.Sprintf("%s has no outcome after %s, accepted: %t", id, time.Since(s.begun).Round(time.Millisecond), s.accepted)
		}
	}
	return ""
}

// wentAway notes since when there is no socket; another failed attempt does not change that time.
func (t *Talker) wentAway() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left.IsZero() {
		t.left = time.Now()
	}
}

// cameBack ends the wait for a socket.
func (t *Talker) cameBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.left.IsZero() {
		t.longest = max(t.longest, time.Since(t.left))
	}
	t.left = time.Time{}
}

// waitsNoLonger ends the wait for a socket when Run ends, without counting it.
func (t *Talker) waitsNoLonger() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = time.Time{}
}
