package powerloss

import (
	"math/rand/v2"
)

// pageSize is the size, in bytes, of the pages of an image. A page of zeros takes no memory until it is written.
const pageSize = 4096

// maxPending bounds the bytes of a file that are not synced. Beyond it the oldest writes become durable by
// themselves, as a kernel writes back old pages.
const maxPending = 64 << 20

// image is the content of a file at one moment.
type image struct {
	size  int64
	pages map[int64]*[pageSize]byte
}

// read copies the content from the offset at on into p, and returns the number of bytes copied.
func (i *image) read(p []byte, at int64) int {
	n := int(min(int64(len(p)), max(0, i.size-at)))
	for done := 0; done < n; {
		number, offset := (at+int64(done))/pageSize, (at+int64(done))%pageSize
		end := min(done+int(pageSize-offset), n)
		if page := i.pages[number]; page != nil {
			copy(p[done:end], page[offset:])
		} else {
			clear(p[done:end])
		}
		done = end
	}
	return n
}

// write puts p at an offset, and makes the content longer if p ends behind its end.
func (i *image) write(p []byte, at int64) {
	if i.pages == nil {
		i.pages = map[int64]*[pageSize]byte{}
	}
	i.size = max(i.size, at+int64(len(p)))
	for len(p) > 0 {
		number, offset := at/pageSize, at%pageSize
		page := i.pages[number]
		if page == nil {
			page = new([pageSize]byte)
			i.pages[number] = page
		}
		n := copy(page[offset:], p)
		p, at = p[n:], at+int64(n)
	}
}

// resize truncates the content, or extends it by zeros.
func (i *image) resize(size int64) {
	if size < i.size {
		for number, page := range i.pages {
			switch begin := number * pageSize; {
			case begin >= size:
				delete(i.pages, number)
			case begin+pageSize > size:
				clear(page[size-begin:])
			}
		}
	}
	i.size = size
}

func (i *image) clone() image {
	out := image{size: i.size, pages: make(map[int64]*[pageSize]byte, len(i.pages))}
	for number, page := range i.pages {
		same := *page
		out.pages[number] = &same
	}
	return out
}

// change is a write to a file, or a change of its size.
type change struct {
	at   int64
	data []byte // nil: the size becomes at
}

// grown returns the size of a file after the change; size is that before.
func (c change) grown(size int64) int64 {
	if c.data == nil {
		return c.at
	}
	return max(size, c.at+int64(len(c.data)))
}

func (i *image) apply(c change) {
	if c.data == nil {
		i.resize(c.at)
		return
	}
	i.write(c.data, c.at)
}

// pieces calls each for the bytes that the change writes, split at the borders of units. A truncation writes zeros up
// to the old size.
func (c change) pieces(size, unit int64, each func(unit, at int64, data []byte)) {
	data, at := c.data, c.at
	if data == nil {
		data = make([]byte, max(0, size-at))
	}
	for len(data) > 0 {
		n := min(int64(len(data)), unit-at%unit)
		each(at/unit, at, data[:n])
		data, at = data[n:], at+n
	}
}

// file has the content that readers see, the content that is durable, and the changes from the second to the first.
type file struct {
	now, synced image
	pending     []change
	bytes       int
}

func (f *file) change(c change) {
	f.now.apply(c)
	f.pending = append(f.pending, c)
	f.bytes += len(c.data)
	n := 0
	for ; f.bytes > maxPending; n++ {
		f.synced.apply(f.pending[n])
		f.bytes -= len(f.pending[n].data)
	}
	f.pending = f.pending[n:]
}

// sync makes everything so far durable.
func (f *file) sync() {
	for _, c := range f.pending {
		f.synced.apply(c)
	}
	f.pending, f.bytes = nil, 0
}

// lose decides which of the pending changes survive a loss of power, and names the kind of decision. unit is the
// number of bytes that the disk writes atomically.
func (f *file) lose(r *rand.Rand, unit int64) (what string) {
	switch r.IntN(4) {
	case 0:
		what = "lost"
	case 1:
		f.sync()
		what = "kept"
	case 2:
		f.tear(r, unit)
		what = "torn"
	default:
		f.scatter(r, unit)
		what = "scattered"
	}
	f.now = f.synced.clone()
	f.pending, f.bytes = nil, 0
	return what
}

// tear keeps the pending changes up to a random moment, and some units of the next one.
func (f *file) tear(r *rand.Rand, unit int64) {
	n := r.IntN(len(f.pending))
	for _, c := range f.pending[:n] {
		f.synced.apply(c)
	}
	if f.pending[n].data == nil {
		return
	}
	f.pending[n].pieces(f.synced.size, unit, func(_, at int64, data []byte) {
		if r.IntN(2) == 0 {
			f.synced.write(data, at)
		}
	})
}

// scatter gives each unit, and the size, its own random moment: the unit has all changes before that moment and none
// after it. So units can reach the disk in any order.
func (f *file) scatter(r *rand.Rand, unit int64) {
	moments := map[int64]int{}
	reached := func(unit int64, n int) bool {
		moment, known := moments[unit]
		if !known {
			moment = r.IntN(len(f.pending) + 1)
			moments[unit] = moment
		}
		return n < moment
	}
	moment := r.IntN(len(f.pending) + 1)
	size, kept := f.synced.size, f.synced.size
	for n, c := range f.pending {
		c.pieces(size, unit, func(unit, at int64, data []byte) {
			if reached(unit, n) {
				f.synced.write(data, at)
			}
		})
		size = c.grown(size)
		if n < moment {
			kept = size
		}
	}
	f.synced.resize(kept)
}
