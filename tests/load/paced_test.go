package load

import "testing"

// TestPacedSendsAreTimedByTheirNumber: however many sends of a pair are in flight, each is measured from when it was due.
func TestPacedSendsAreTimedByTheirNumber(t *testing.T) {
	p := &pair{}
	p.sent[2].Store(7) // before the pace began
	p.paced.Store(&schedule{first: 3, begin: 1000, every: 10})
	for n, want := range map[int]int64{2: 7, 3: 1000, 4: 1010, 3 + 3*ringSize: 1000 + 30*ringSize} {
		if got := p.sentAt(n); got != want {
			t.Errorf("send %d was due at %d, want %d", n, got, want)
		}
	}
}
