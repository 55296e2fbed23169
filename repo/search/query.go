package search

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// mostGrams bounds the n-grams of a query that are looked up in the index. Leaving the others out
// costs reading, but no results.
const mostGrams = 128

// Query is the text to look for.
type Query struct {
	// loose is the text in its loose form.
	loose string
	// grams are ascending by their hashes.
	grams []gram
	n     int
}

// gram is one spelling in the index of the query's n-gram number of. A matching block has at least
// one of the n-gram's spellings. last: it is the spelling with the greatest hash.
type gram struct {
	hash uint32
	of   int
	last bool
}

// NewQuery returns a query for messages that contain text, without the blanks around it. A text
// without any n-gram that can be looked up, such as a single character, may be in every block.
func NewQuery(text string) Query {
	q := Query{loose: Loose(strings.TrimSpace(text))}
	// The index has blanks and apostrophes as they were written, not in their loose form:
	// n-grams that contain them cannot be looked up.
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

// spellings returns the hashes that a pair or triple may have in the index, whose texts are folded
// but not loose: an i may be i or ı there, and a combining dot may follow it, which takes the
// place of a character of the n-gram.
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

// MayBeIn reports whether a block with this set may have a match. False is certain, true is not.
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
