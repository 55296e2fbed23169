// Package search says what the search index holds of messages and how it is read.
//
// The index has one row for each block of consecutive messages of a conversation: the
// set of the n-grams of their text, as hashes. A query asks for the blocks of the
// user's conversations whose set has all of its n-grams, newest first, and reads the
// messages of those; what they say decides. So the index may hold too much (the hash
// of another n-gram, the text before an edit) and nobody sees it, a query never walks
// what others wrote, and adding a message is adding to one row, whatever its length.
package search

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns the form of a text in which texts are compared: NFKC without case, so
// that "É" is "é" in whatever way it is written, and "ﬁ" is "fi". Accents stay.
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
