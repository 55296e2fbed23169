package stream

import "sync"

// recordOverhead is what a decoded record costs in memory beside its bytes: the
// message, its two channels and its metadata map.
const recordOverhead = 600

// decodedOverhead is what the decoded contents of a record cost in memory beside its bytes.
const decodedOverhead = 300

// ring holds the newest entries decoded, so that subscribers which keep up never
// read the journal.
type ring struct {
	mu      sync.RWMutex
	oldest  uint64 // first entry of the journal
	base    uint64 // index of entries[0]
	entries []*entry
	bytes   int
	limit   int
	// grown has a channel for each topic that a reader waits for, closed with the next entry that has a
	// record of the topic. Readers of other topics are left asleep, since each one that is woken costs as
	// much as a record; rouse wakes them in time.
	grown map[uint64]chan struct{}
}

func newRing(oldest, next uint64, limit int) *ring {
	return &ring{oldest: oldest, base: next, limit: limit, grown: map[uint64]chan struct{}{}}
}

func (e *entry) cost() int { return max(e.bytes+len(e.records)*recordOverhead, e.weight) }

// push adds the next entry and wakes the readers of its topics.
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
	for i, rec := range e.records {
		if i > 0 && rec.topic == e.records[i-1].topic {
			continue
		}
		if ch, waited := r.grown[rec.topic]; waited {
			close(ch)
			delete(r.grown, rec.topic)
		}
	}
}

// rouse wakes all who wait. A reader that finds no record of its topic moves its offset on, so that the
// entries behind it may be dropped.
func (r *ring) rouse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ch := range r.grown {
		close(ch)
	}
	clear(r.grown)
}

// get returns the entry at index when it is in memory. When it is only in the journal, both results are nil;
// when it does not exist yet, wait is closed by the next entry with a record of the topic, or by rouse.
func (r *ring) get(index, topic uint64) (e *entry, wait <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case index < r.base:
		return nil, nil
	case index-r.base < uint64(len(r.entries)):
		return r.entries[index-r.base], nil
	}
	ch := r.grown[topic]
	if ch == nil {
		ch = make(chan struct{})
		r.grown[topic] = ch
	}
	return nil, ch
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

// forget notes that the journal is about to drop the entries below before.
func (r *ring) forget(before uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.oldest = max(r.oldest, before)
}
