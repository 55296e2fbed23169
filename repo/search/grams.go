package search

import (
	"encoding/binary"
	"math/bits"
)

// universe is the number of different hashes. A block of 64 messages of English text has
// about 3,500 n-grams: the hash of an n-gram that it does not have is there by accident in 3
// of 100 blocks, and a query has several n-grams.
const universe = 1 << 17

// A set is encoded as a byte for its kind and the hashes, ascending, each as a varint of its
// distance to the one before. No bytes at all are the empty set.
const (
	kindList = 1
	// kindAll is a set that counts as having every hash, since it would be too large to exclude much.
	kindAll = 2
)

// maxHashes is the most hashes that a list may have; a larger set becomes kindAll. A hash takes at
// most 3 bytes.
const maxHashes = 20_000

// hash2 and hash3 return the hash of an n-gram. Hashes are stored: these functions must never change.
func hash2(a, b rune) uint32 { return mix(uint64(a)<<21 | uint64(b) | 1<<63) }

func hash3(a, b, c rune) uint32 { return mix(uint64(a)<<42 | uint64(b)<<21 | uint64(c)) }

func mix(x uint64) uint32 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return uint32(x>>32) & (universe - 1)
}

// Builder gathers the n-grams of texts. The zero value is empty; it is for one
// goroutine.
type Builder struct {
	seen [universe / 64]uint64
	n    int
}

// Add adds the n-grams of a folded text: all pairs and triples of consecutive characters.
// Pairs are for queries of two characters, as are common in languages without letters.
func (b *Builder) Add(folded string) {
	var before, last rune
	n := 0
	for _, r := range folded {
		n++
		if n > 1 {
			b.set(hash2(last, r))
		}
		if n > 2 {
			b.set(hash3(before, last, r))
		}
		before, last = last, r
	}
}

func (b *Builder) set(h uint32) {
	bit := uint64(1) << (h & 63)
	if word := &b.seen[h>>6]; *word&bit == 0 {
		*word |= bit
		b.n++
	}
}

// Take returns the set of what was added and empties the builder.
func (b *Builder) Take() []byte {
	defer func() { *b = Builder{} }()
	if b.n == 0 {
		return nil
	}
	w := writer{out: make([]byte, 1, 1+b.n+b.n/8)}
	for i, word := range b.seen {
		for ; word != 0; word &= word - 1 {
			w.add(uint32(i<<6 + bits.TrailingZeros64(word)))
		}
	}
	return w.set()
}

// Union returns the set of the hashes in either a or b. A set that cannot be decoded counts as
// having every hash, so that nothing is lost.
func Union(a, b []byte) []byte {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	x, y := open(a), open(b)
	w := writer{out: make([]byte, 1, len(a)+len(b))}
	for x.more || y.more {
		switch {
		case !y.more || x.more && x.hash < y.hash:
			w.add(x.hash)
			x.next()
		case !x.more || y.hash < x.hash:
			w.add(y.hash)
			y.next()
		default:
			w.add(x.hash)
			x.next()
			y.next()
		}
	}
	if x.all || y.all {
		return []byte{kindAll}
	}
	return w.set()
}

// writer encodes ascending hashes.
type writer struct {
	out  []byte
	last uint32
	n    int
}

func (w *writer) add(h uint32) {
	w.out = binary.AppendUvarint(w.out, uint64(h-w.last))
	w.last = h
	w.n++
}

func (w *writer) set() []byte {
	if w.n > maxHashes {
		return []byte{kindAll}
	}
	w.out[0] = kindList
	return w.out
}

// reader decodes a set. all: the set counts as having every hash.
type reader struct {
	rest      []byte
	hash      uint32
	more, all bool
}

func open(set []byte) *reader {
	r := &reader{}
	if len(set) == 0 {
		return r
	}
	if set[0] != kindList {
		r.all = true
		return r
	}
	r.rest, r.more = set[1:], true
	r.next()
	return r
}

func (r *reader) next() {
	if len(r.rest) == 0 {
		r.more = false
		return
	}
	d, n := binary.Uvarint(r.rest)
	if n <= 0 || d >= universe || uint64(r.hash)+d >= universe {
		r.more, r.all = false, true
		return
	}
	r.hash += uint32(d)
	r.rest = r.rest[n:]
}
