package contracts

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a search.
const (
	SearchQueryMin     = 2
	SearchQueryMax     = 100
	SearchLimitDefault = 20
	SearchLimitMax     = 100
)

// GroupSearch is the consumer group of the search index.
const GroupSearch = "gochat-search"

// CheckSearchQuery returns q without the blanks around it and the variation selectors at its end. When q is not valid,
// must says what a query has to be; otherwise must is "". One character is enough when it is a word by itself, as in
// Chinese, Japanese and Korean, or an emoji.
func CheckSearchQuery(q string) (trimmed, must string) {
	trimmed = strings.TrimRight(strings.TrimSpace(q), string([]rune{inColour, asText}))
	n := utf8.RuneCountInString(trimmed)
	first, _ := utf8.DecodeRuneInString(trimmed)
	switch {
	case !utf8.ValidString(q), utf8.RuneCountInString(q) > SearchQueryMax, n == 0, n < SearchQueryMin && !oneIsEnough(first):
		return "", fmt.Sprintf("at least %d characters beside blanks (one if it is Chinese, Japanese, Korean or an emoji), at most %d with them", SearchQueryMin, SearchQueryMax)
	}
	return trimmed, ""
}

func oneIsEnough(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.So, textEmoji) ||
		r >= 0x1F000 && r <= 0x1FAFF
}
