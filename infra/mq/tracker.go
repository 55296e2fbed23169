package mq

import "sync"

// tracked is a record between Feed and its acknowledgement.
type tracked struct {
	record Record
	acked  bool
	by     *tracker
	cost   int64 // of the window's bytes
}

// tracker knows a source's low-water mark: the offset at and below which every
// record is acknowledged.
type tracker struct {
	// release makes room in the window that all sources share.
	release func(records int, cost int64)
	mark    func(offset uint64)

	mu      sync.Mutex
	pending []*tracked // in the order of their offsets
	marked  uint64
}

func (t *tracker) add(r Record, cost int64) *tracked {
	t.mu.Lock()
	defer t.mu.Unlock()
	rec := &tracked{record: r, by: t, cost: cost}
	t.pending = append(t.pending, rec)
	return rec
}

// acknowledge marks the records of a run as done, each with the tracker of its source.
func acknowledge(run []*tracked) {
	for len(run) > 0 {
		n := 1
		for n < len(run) && run[n].by == run[0].by {
			n++
		}
		run[0].by.done(run[:n])
		run = run[n:]
	}
}

// done acknowledges records, and calls mark if the low-water mark has moved.
func (t *tracker) done(run []*tracked) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, rec := range run {
		rec.acked = true
	}
	n := 0
	cost := int64(0)
	for n < len(t.pending) && t.pending[n].acked {
		cost += t.pending[n].cost
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
	t.release(n, cost)
	t.mark(t.marked)
}

func (t *tracker) skip(offset uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 && offset > t.marked {
		t.marked = offset
		t.mark(offset)
	}
}
