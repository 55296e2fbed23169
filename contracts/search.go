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

// CheckSearchQuery returns a query without the blanks around it and the selector of an emoji's
// form behind it, and what it must be, or "" when it is: one character is enough when it is a
// word of its own, as in Chinese, Japanese and Korean, or an emoji.
func CheckSearchQuery(q string) (trimmed, must string) {
	trimmed = strings.TrimRight(strings.TrimSpace(q), string([]rune{inColour, asText}))
	n := utf8.RuneCountInString(trimmed)
	first, _ := utf8.DecodeRuneInString(trimmed)
	switch {
	case !utf8.ValidString(q), utf8.RuneCountInString(q) > SearchQueryMax, n == 0, n < SearchQueryMin && !oneIsEnough(first):
		return "", fmt.Sprintf("%d to %d characters beside blanks; one if it is Chinese, Japanese, Korean or an emoji", SearchQueryMin, SearchQueryMax)
	}
	return trimmed, ""
}

func oneIsEnough(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.So, textEmoji) ||
		r >= 0x1F000 && r <= 0x1FAFF
}
