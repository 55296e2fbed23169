package search

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// mostGrams is of how many n-grams a query asks the index; what it does not ask for costs
// reading, no results.
const mostGrams = 128

// Query is what is looked for.
type Query struct {
	// loose is what a text has, in its loose form.
	loose string
	// grams are ascending by their hashes.
	grams []gram
	n     int
}

// gram is one of the spellings that an n-gram of the query may have in the index, of which
// a block has at least one. last is the greatest of them.
type gram struct {
	hash uint32
	of   int
	last bool
}

// NewQuery returns a query for texts that contain text, without the blanks around it. A text
// whose n-grams the index cannot tell, of one character for one, is looked for in every block.
func NewQuery(text string) Query {
	q := Query{loose: Loose(strings.TrimSpace(text))}
	// Blanks and apostrophes are in the index as they were written: nothing is known of
	// n-grams that they are in.
	for _, run := range strings.FieldsFunc(q.loose, func(r rune) bool { return r == ' ' || r == apostrophe }) {
		runes := []rune(run)
		if len(runes) == 2 {
			q.ask(spellings(runes))
		}
		// The pairs of a longer run say nothing that its triples do not.
		for i := 3; i <= len(runes); i++ {
			q.ask(spellings(runes[i-3 : i]))
		}
	}
	slices.SortFunc(q.grams, func(a, b gram) int { return cmp.Compare(a.hash, b.hash) })
	return q
}

func (q *Query) ask(hashes []uint32) {
	if q.n == mostGrams {
		return
	}
	greatest := slices.Max(hashes)
	for _, h := range hashes {
		q.grams = append(q.grams, gram{hash: h, of: q.n, last: h == greatest})
	}
	q.n++
}

// spellings are the hashes of a pair or triple as texts may have it that are folded and not
// loose: with i or ı, and the dot of a Turkish i behind it, with which the n-gram is full
// earlier.
func spellings(runes []rune) (out []uint32) {
	var spell func(so []rune, rest []rune)
	spell = func(so, rest []rune) {
		switch {
		case len(so) == 3, len(so) == 2 && len(rest) == 0:
			out = append(out, hashOf(so))
			return
		case rest[0] != 'i':
			spell(append(slices.Clone(so), rest[0]), rest[1:])
			return
		}
		for _, i := range []rune{'i', dotlessI} {
			spell(append(slices.Clone(so), i), rest[1:])
			if len(rest) > 1 { // what is behind the dot may be another dot, so that it ends there
				out = append(out, hashOf(append(slices.Clone(so), i, dotAbove)))
			}
		}
	}
	spell(nil, runes)
	return out
}

func hashOf(runes []rune) uint32 {
	if len(runes) == 2 {
		return hash2(runes[0], runes[1])
	}
	return hash3(runes[0], runes[1], runes[2])
}

// Empty reports whether nothing is looked for.
func (q Query) Empty() bool { return q.loose == "" || !utf8.ValidString(q.loose) }

// MayBeIn reports whether a block with this set may hold what is looked for; no is
// certain.
func (q Query) MayBeIn(set []byte) bool {
	var has [mostGrams]bool
	r := open(set)
	for _, g := range q.grams {
		for r.more && r.hash < g.hash {
			r.next()
		}
		if r.all {
			return true
		}
		if r.more && r.hash == g.hash {
			has[g.of] = true
		}
		if g.last && !has[g.of] {
			return false
		}
	}
	return true
}
