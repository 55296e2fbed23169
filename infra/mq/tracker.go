package mq

import "sync"

// tracked is a record between Feed and its acknowledgement.
type tracked struct {
	record Record
	acked  bool
}

// tracker knows the low-water mark: the offset at and below which every record
// is acknowledged.
type tracker struct {
	// slots holds one token for each record beyond the mark.
	slots chan struct{}

	mu      sync.Mutex
	pending []*tracked // in the order of their offsets
	marked  uint64
}

func (t *tracker) add(r Record) *tracked {
	t.mu.Lock()
	defer t.mu.Unlock()
	rec := &tracked{record: r}
	t.pending = append(t.pending, rec)
	return rec
}

// done acknowledges records and marks the new low-water mark, if there is one.
func (t *tracker) done(run []*tracked, mark func(uint64)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, rec := range run {
		rec.acked = true
	}
	n := 0
	for n < len(t.pending) && t.pending[n].acked {
		n++
	}
	if n == 0 {
		return
	}
	t.marked = t.pending[n-1].record.Offset
	clear(t.pending[:n]) // the records are garbage now
	t.pending = t.pending[n:]
	if len(t.pending) == 0 {
		t.pending = nil
	}
	for range n {
		<-t.slots
	}
	mark(t.marked)
}

func (t *tracker) skip(offset uint64, mark func(uint64)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 && offset > t.marked {
		t.marked = offset
		mark(offset)
	}
}
