// Package search says what the search index holds of messages and how it is read.
//
// The index has one row for each block of consecutive messages of a conversation: the
// set of the n-grams of their text, as hashes. A query asks for the blocks of the
// user's conversations whose set has all of its n-grams, newest first, and reads the
// messages of these, which decide what is found. So the index may have too much (the hash
// of another n-gram, the text before an edit) without a wrong result, a query never reads
// what others wrote, and adding a message changes one row, whatever its length.
package search

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns the form of a text whose n-grams the index has: NFKC without case, so
// that "É" is "é" in whatever way it is written, and "ﬁ" is "fi". Accents stay. Its
// n-grams are stored: it never changes.
func Fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	// Folding may undo the normal form, and NFKC finds letters with case in symbols.
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

const (
	acute      = "\u00B4" // NFKC makes a blank and a combining mark of it
	dotAbove   = '\u0307'
	dotlessI   = 'ı'
	apostrophe = '\''
)

// Loose returns the form of a text in which texts are compared. It is Fold's, and besides:
// blanks that follow each other are one space, all apostrophes are the one of ASCII, and the
// i of Turkish is an i with and without its dot, since İ, I, ı and i are each other's case in
// one language or another.
func Loose(s string) string {
	s = Fold(strings.ReplaceAll(s, acute, string(apostrophe)))
	if !strings.ContainsFunc(s, loosened) {
		return s
	}
	var out strings.Builder
	var last rune
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case isApostrophe(r):
			r = apostrophe
		case r == dotlessI:
			r = 'i'
		}
		if r == ' ' && last == ' ' || r == dotAbove && last == 'i' {
			continue
		}
		out.WriteRune(r)
		last = r
	}
	return out.String()
}

// loosened reports whether Loose may change the character of a folded text.
func loosened(r rune) bool {
	return unicode.IsSpace(r) || isApostrophe(r) || r == dotlessI || r == dotAbove
}

func isApostrophe(r rune) bool {
	switch r {
	case apostrophe, '`', '\u2018', '\u2019', '\u201B', '\u2032', '\u02B9', '\u02BB', '\u02BC', '\u02BD', '\u055A', '\u05F3', '\uA78C':
		return true
	}
	return false
}
