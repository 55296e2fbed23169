package stream

import (
	"slices"
	"sync"
)

// retention tells which entries are older than the newest limit bytes. The committer counts what it appends;
// entries from before the open are sized once, newest first, at the first truncation.
type retention struct {
	limit int
	// opened is the first entry that was appended since the journal was opened.
	opened uint64

	mu     sync.Mutex
	walked bool
	sizes  []sized
	total  int
}

// sized is a stretch of consecutive entries: the index of its first one, and its bytes.
type sized struct {
	first uint64
	bytes int
}

// stretch is how many bytes a stretch has at least, but for the newest.
const stretch = 1 << 20

func newRetention(limit int, opened uint64) *retention {
	return &retention{limit: limit, opened: opened}
}

// add counts an appended entry.
func (r *retention) add(index uint64, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sizes = grow(r.sizes, index, bytes)
	r.total += bytes
}

func grow(sizes []sized, index uint64, bytes int) []sized {
	if n := len(sizes); n > 0 && sizes[n-1].bytes < stretch {
		sizes[n-1].bytes += bytes
		return sizes
	}
	return append(sizes, sized{first: index, bytes: bytes})
}

// floor returns the index below which entries are beyond the limit; first is the
// oldest entry of the journal. Called by one goroutine.
func (r *retention) floor(j Journal, first uint64) (uint64, error) {
	r.mu.Lock()
	walked := r.walked
	r.mu.Unlock()
	if !walked {
		old, total, err := walk(j, first, r.opened, r.limit)
		if err != nil {
			return first, err
		}
		r.mu.Lock()
		r.sizes, r.total, r.walked = append(old, r.sizes...), r.total+total, true
		r.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.sizes) > 1 && r.total-r.sizes[0].bytes >= r.limit {
		r.total -= r.sizes[0].bytes
		r.sizes = r.sizes[1:]
	}
	if r.total < r.limit || len(r.sizes) == 0 {
		return first, nil
	}
	return r.sizes[0].first, nil
}

// walk sizes the entries before next, back to first or to the limit.
func walk(j Journal, first, next uint64, limit int) (old []sized, total int, err error) {
	type one struct {
		index uint64
		bytes int
	}
	var back []one
	for next > first && total < limit {
		next--
		data, err := j.Read(next)
		if err != nil {
			return nil, 0, err
		}
		back = append(back, one{next, len(data)})
		total += len(data)
	}
	for _, e := range slices.Backward(back) {
		old = grow(old, e.index, e.bytes)
	}
	return old, total, nil
}
