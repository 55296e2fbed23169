package contracts

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// The variation selectors, which ask for an emoji as text or in colour, and the mark that makes a keycap of the
// character before it.
const (
	asText   = 0xFE0E
	inColour = 0xFE0F
	keycap   = 0x20E3
)

// CanonicalReaction returns the form in which a reaction is compared, stored and shown: trimmed, in NFC, and with U+FE0F
// exactly where Unicode's fully qualified emoji have it. Keyboards differ in whether they write U+FE0F: without the one
// form, one heart would be two reactions. A string that is blank or not UTF-8 is returned unchanged.
func CanonicalReaction(s string) string {
	trimmed := strings.TrimSpace(s)
	if trimmed == "" || !utf8.ValidString(s) {
		return s
	}
	bare := strings.ReplaceAll(norm.NFC.String(trimmed), string(rune(inColour)), "")
	if bare == "" {
		return s
	}
	var out strings.Builder
	for i, r := range bare {
		out.WriteRune(r)
		next, _ := utf8.DecodeRuneInString(bare[i+utf8.RuneLen(r):])
		switch {
		case next == asText, next >= 0x1F3FB && next <= 0x1F3FF: // next already says how r is shown: as text, or in a skin tone
		case unicode.Is(textEmoji, r), next == keycap && (r >= '0' && r <= '9' || r == '#' || r == '*'):
			out.WriteRune(inColour)
		}
	}
	return out.String()
}

// CheckReaction returns what a new reaction must be, or "" when s is valid: both s and its canonical form are within the
// limit, and s is visible as a name must be.
func (l Limits) CheckReaction(s string) string {
	if len(s) < 1 || max(len(s), len(CanonicalReaction(s))) > l.ReactionMax || !checkName(s) {
		return fmt.Sprintf("1 to %d bytes of UTF-8, an emoji as a rule"+visible, l.ReactionMax)
	}
	return ""
}

// CheckReactionBack returns what the reaction of an unreact must be, or "" when s is valid. It asks for less than
// CheckReaction, so that a reaction that an older release accepted can still be taken back.
func (l Limits) CheckReactionBack(s string) string {
	if len(s) < 1 || len(s) > l.ReactionMax || !utf8.ValidString(s) {
		return fmt.Sprintf("1 to %d bytes of UTF-8", l.ReactionMax)
	}
	return ""
}

// reactionsOf renders the reactions of a message. Older releases stored one reaction in several forms: these are merged
// into the canonical form, with each user once.
func reactionsOf(m *pb.Message) (out []ReactionData) {
	mixed := false
	for _, r := range m.GetReactions() {
		mixed = mixed || CanonicalReaction(r.GetReaction()) != r.GetReaction()
		out = append(out, ReactionData{Reaction: r.GetReaction(), UserIDs: UserIDs(r.GetUserIds())})
	}
	if !mixed {
		return out
	}
	at := map[string]int{}
	merged := make([]ReactionData, 0, len(out))
	for _, r := range out {
		r.Reaction = CanonicalReaction(r.Reaction)
		i, there := at[r.Reaction]
		if !there {
			at[r.Reaction] = len(merged)
			merged = append(merged, r)
			continue
		}
		for _, user := range r.UserIDs {
			if !slices.Contains(merged[i].UserIDs, user) {
				merged[i].UserIDs = append(merged[i].UserIDs, user)
			}
		}
	}
	return merged
}
