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

// Variation selectors, which ask for an emoji as text or in colour, and what makes a keycap of the
// character before.
const (
	asText   = 0xFE0E
	inColour = 0xFE0F
	keycap   = 0x20E3
)

// CanonicalReaction returns the one form of a reaction in which reactions are compared, stored and
// shown: without blanks around it, in NFC, and with the selector U+FE0F exactly where Unicode's fully
// qualified emoji have it. Keyboards and languages differ in whether they write it, so that one heart
// would be two reactions. What is blank altogether, or no UTF-8, is returned as it is.
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
		case next == asText, next >= 0x1F3FB && next <= 0x1F3FF: // as text, or in a tone of skin: it says so itself
		case unicode.Is(textEmoji, r), next == keycap && (r >= '0' && r <= '9' || r == '#' || r == '*'):
			out.WriteRune(inColour)
		}
	}
	return out.String()
}

// CheckReaction returns what a new reaction must be, or "" when it is: within the limit as it is
// given and in its canonical form, and something to be seen, as a name is.
func (l Limits) CheckReaction(s string) string {
	if len(s) < 1 || max(len(s), len(CanonicalReaction(s))) > l.ReactionMax || !checkName(s) {
		return fmt.Sprintf("1 to %d bytes of UTF-8, an emoji as a rule"+visible, l.ReactionMax)
	}
	return ""
}

// CheckReactionBack returns what a reaction must be that is taken back, or "" when it is. It asks for
// less than CheckReaction does: what older versions took can still go.
func (l Limits) CheckReactionBack(s string) string {
	if len(s) < 1 || len(s) > l.ReactionMax || !utf8.ValidString(s) {
		return fmt.Sprintf("1 to %d bytes of UTF-8", l.ReactionMax)
	}
	return ""
}

// reactionsOf renders the reactions of a message. Older versions stored one reaction in several
// forms: they become one, with each user once.
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
