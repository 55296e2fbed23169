package contracts

import (
	"unicode"
	"unicode/utf8"
)

// checkName reports whether s may be a name that people are shown: a nickname, a group's name, a device's id. As in
// RFC 8264, s has no control characters, no line separators and no format characters, which could hide text or turn its
// direction, except those that scripts and emoji need (see needed). At least one character must be visible.
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

// needed reports whether text is properly written with the format character r: joiners, direction marks, the tags of
// flags, and prepended signs, which are visible.
func needed(r rune) bool {
	return r >= 0x200C && r <= 0x200F || r == 0x061C || r >= 0xE0020 && r <= 0xE007F || unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// blank reports whether r shows nothing.
func blank(r rune) bool {
	switch r {
	case 0x2800, 0x3164, 0x115F, 0x1160, 0xFFA0: // the empty Braille cell and the Hangul fillers
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.Zs, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// visible is the part of an error message that says what a name must be besides its length.
const visible = ", something to be seen, no control or direction characters"
