package middleware

import (
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/gochat/gochat/contracts"
)

// remembered bounds the runs and the records that are remembered, each; a router has far fewer lanes.
const remembered = 4096

// patience says when unforeseen errors have gone on for too long. Safe for concurrent use.
type patience struct {
	after time.Duration
	now   func() time.Time

	mu sync.Mutex
	// since is when a run, known by its first record, began to fail with nothing but unforeseen errors. A
	// dependency's error in between restarts the time: what that error left open, such as a transaction that
	// may still commit, must have ended when the record is given up.
	since *lru.Cache[string, time.Time]
	// gone are poisoned records whose run is not acknowledged yet. When the run comes again they must not be
	// handled: their senders were told that the messages will never be stored.
	gone *lru.Cache[string, struct{}]
	// handled says whether a run was handled since a record was last poisoned for an unforeseen error, at the
	// time poisoned.
	handled  bool
	poisoned time.Time
}

func newPatience(after time.Duration) *patience {
	p := &patience{after: after, now: time.Now, handled: true}
	// New fails only for sizes below 1.
	p.since, _ = lru.New[string, time.Time](remembered)
	p.gone, _ = lru.New[string, struct{}](remembered)
	return p
}

// living returns the run without the records that are in the poison topic.
func (p *patience) living(run []*message.Message) []*message.Message {
	if p.gone.Len() == 0 {
		return run
	}
	out := make([]*message.Message, 0, len(run))
	for _, m := range run {
		if !p.gone.Contains(m.UUID) {
			out = append(out, m)
		}
	}
	return out
}

// ripe reports whether a run has failed with unforeseen errors for long enough, err included, to be narrowed.
func (p *patience) ripe(run string, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || IsPermanent(err) || IsDependency(err) {
		p.since.Remove(run)
		return false
	}
	began, known := p.since.Get(run)
	if !known {
		began = p.now()
		p.since.Add(run, began)
	}
	return p.after > 0 && p.now().Sub(began) >= p.after && p.allowed()
}

// allowed reports whether another record may be poisoned for an unforeseen error. When everything fails, no
// single message is at fault, and all would be poisoned: so between two such burials a run must have been
// handled, or after have passed again.
func (p *patience) allowed() bool { return p.handled || p.now().Sub(p.poisoned) >= p.after }

func (p *patience) mayBury() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.allowed()
}

// worked notes that a run was handled.
func (p *patience) worked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handled = true
}

// buried notes that a record is in the poison topic.
func (p *patience) buried(uuid, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone.Add(uuid, struct{}{})
	if reason == contracts.PoisonUnforeseen {
		p.handled, p.poisoned = false, p.now()
	}
}

// ended forgets a run that will be acknowledged, with its records in the poison topic.
func (p *patience) ended(run []*message.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range run { // its first record was another one while that was not poisoned
		p.since.Remove(m.UUID)
	}
	if p.gone.Len() > 0 {
		for _, m := range run {
			p.gone.Remove(m.UUID)
		}
	}
}
