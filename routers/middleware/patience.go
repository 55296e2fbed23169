package middleware

import (
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/gochat/gochat/contracts"
)

// remembered is how many runs and records are remembered: far more than a router has lanes.
const remembered = 4096

// patience says when errors that nobody foresaw have gone on for too long. Safe for concurrent
// use.
type patience struct {
	after time.Duration
	now   func() time.Time

	mu sync.Mutex
	// since is when a run, known by its first record, began to fail by nothing but unforeseen
	// errors. A dependency's error in between starts anew: what it left open (a transaction
	// that may yet be committed) has an end by then.
	since *lru.Cache[string, time.Time]
	// gone are records in the poison topic whose run has not been acknowledged: it may come
	// again, and what its sender was told will never be stored must not be.
	gone *lru.Cache[string, struct{}]
	// well is whether a run was handled since the last burial for an unforeseen error, which
	// was at last.
	well bool
	last time.Time
}

func newPatience(after time.Duration) *patience {
	p := &patience{after: after, now: time.Now, well: true}
	// New fails only for sizes below 1.
	p.since, _ = lru.New[string, time.Time](remembered)
	p.gone, _ = lru.New[string, struct{}](remembered)
	return p
}

// living leaves out what is in the poison topic.
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

// ripe reports whether a run has failed for long enough, by this error and those before it.
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

// allowed: when everything fails it is no message's fault, and what is poisoned would be
// everything. So between two burials something must have been handled, or as much time have
// passed again.
func (p *patience) allowed() bool { return p.well || p.now().Sub(p.last) >= p.after }

func (p *patience) mayBury() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.allowed()
}

// worked notes that a run was handled.
func (p *patience) worked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.well = true
}

// buried notes a record that is in the poison topic.
func (p *patience) buried(uuid, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone.Add(uuid, struct{}{})
	if reason == contracts.PoisonUnforeseen {
		p.well, p.last = false, p.now()
	}
}

// ended forgets a run that is acknowledged, with what of it is in the poison topic.
func (p *patience) ended(run []*message.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range run { // it began with another one when that was living
		p.since.Remove(m.UUID)
	}
	if p.gone.Len() > 0 {
		for _, m := range run {
			p.gone.Remove(m.UUID)
		}
	}
}
