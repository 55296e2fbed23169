package stream

import "sync"

// recordOverhead is what a decoded record costs in memory beside its bytes: the
// message, its two channels and its metadata map.
const recordOverhead = 600

// ring holds the newest entries decoded, so that subscribers which keep up never
// read the journal.
type ring struct {
	mu      sync.RWMutex
	oldest  uint64 // first entry of the journal
	base    uint64 // index of entries[0]
	entries []*entry
	bytes   int
	limit   int
	grown   chan struct{} // closed and replaced with each entry
}

func newRing(oldest, next uint64, limit int) *ring {
	return &ring{oldest: oldest, base: next, limit: limit, grown: make(chan struct{})}
}

func (e *entry) cost() int { return e.bytes + len(e.records)*recordOverhead }

// push adds the next entry and wakes everyone who waits for it.
func (r *ring) push(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	r.bytes += e.cost()
	for r.bytes > r.limit && len(r.entries) > 1 {
		r.bytes -= r.entries[0].cost()
		r.entries[0] = nil
		r.entries = r.entries[1:]
		r.base++
	}
	close(r.grown)
	r.grown = make(chan struct{})
}

// get returns the entry at index when it is in memory. When it does not exist
// yet, wait is the channel that is closed when there is more; when it is only in
// the journal, both are nil.
func (r *ring) get(index uint64) (e *entry, wait <-chan struct{}) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch {
	case index < r.base:
		return nil, nil
	case index-r.base >= uint64(len(r.entries)):
		return nil, r.grown
	}
	return r.entries[index-r.base], nil
}

// first returns the index of the oldest entry of the journal.
func (r *ring) first() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.oldest
}

// end returns the index that the next entry will have.
func (r *ring) end() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.base + uint64(len(r.entries))
}

// forget says that entries below before are going.
func (r *ring) forget(before uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.oldest = max(r.oldest, before)
}
