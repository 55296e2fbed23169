package contracts

import (
	"unicode"
	"unicode/utf8"
)

// checkName reports whether s may be a name that people are shown: a nickname, a group's name, a
// device's id. It follows the ideas of RFC 8264: no controls, no separators of lines, nothing that
// turns the direction of the text behind it, nothing invisible that no script needs, and
// something to be seen. Joiners and marks of direction stay, which emoji and scripts are
// written with.
func checkName(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	seen := false
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point) || unicode.Is(unicode.Cf, r) && !needed(r) {
			return false
		}
		seen = seen || !blank(r)
	}
	return seen
}

// needed are format characters that text is written with: joiners, marks of direction, the tags of
// flags, and signs that are to be seen.
func needed(r rune) bool {
	return r >= 0x200C && r <= 0x200F || r == 0x061C || r >= 0xE0020 && r <= 0xE007F || unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// blank are characters of which nothing is to be seen.
func blank(r rune) bool {
	switch r {
	case 0x2800, 0x3164, 0x115F, 0x1160, 0xFFA0: // the empty Braille cell and the Hangul fillers
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.Zs, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// what a name must be beside its length.
const visible = ", something to be seen, no control or direction characters"
