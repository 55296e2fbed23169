package chaos

import (
	"fmt"
	"time"
)

// Longest is the longest time that its user had to wait since Longest was called last: from the wish to
// send something to its outcome, reconnections and repetitions included, and from the end of a
// socket, during which nothing can be sent, until another one had told everything that was missed.
func (t *Talker) Longest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.longest
	t.longest = 0
	return d
}

// Ended is how many sends had their outcome so far.
func (t *Talker) Ended() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// Accepted is how many sends were accepted and have no outcome yet.
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

// Unanswered says what its user still waits for that was begun before that time, a socket or the outcome
// of a send; empty: nothing.
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

// wentAway notes that there is no socket; sessions that fail do not begin the wait anew.
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

// waitsNoLonger: who does not run waits for no socket.
func (t *Talker) waitsNoLonger() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = time.Time{}
}
