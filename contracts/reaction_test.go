package contracts

import (
	"strings"
	"testing"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestCanonicalReaction: an emoji is the same with and without the selector of its coloured form.
func TestCanonicalReaction(t *testing.T) {
	for in, want := range map[string]string{
		"👍": "👍", "👍\uFE0F": "👍", "❤": "❤\uFE0F", "❤\uFE0F": "❤\uFE0F", "❤\uFE0F\uFE0F": "❤\uFE0F", "❤\uFE0E": "❤\uFE0E",
		"❤\u200D🔥": "❤\uFE0F\u200D🔥", "❤\uFE0F\u200D🔥": "❤\uFE0F\u200D🔥",
		"🏳\u200D🌈": "🏳\uFE0F\u200D🌈", "☝🏽": "☝🏽", "☝\uFE0F🏽": "☝🏽", "🕵🏽\u200D♂": "🕵🏽\u200D♂\uFE0F",
		"1\u20E3": "1\uFE0F\u20E3", "1\uFE0F\u20E3": "1\uFE0F\u20E3", "1": "1", "+1": "+1", "heart": "heart",
		" 👍\n": "👍", "e\u0301": "é", " ": " ", "": "", "👨\u200D👩\u200D👧": "👨\u200D👩\u200D👧",
	} {
		got := CanonicalReaction(in)
		if got != want {
			t.Errorf("%+q becomes %+q, want %+q", in, got, want)
		}
		if again := CanonicalReaction(got); again != got {
			t.Errorf("%+q: %+q becomes %+q", in, got, again)
		}
	}
}

func TestReactions(t *testing.T) {
	l := DefaultLimits()
	for _, good := range []string{"👍", "❤\uFE0F", "heart", "1\uFE0F\u20E3", "👨\u200D👩\u200D👧", "🏴\U000E0067\U000E0062\U000E007F", strings.Repeat("👍", 16), strings.Repeat("r", 64)} {
		if must := l.CheckReaction(good); must != "" {
			t.Errorf("%+q: %s", good, must)
		}
	}
	for _, bad := range []string{
		"", " ", "\u00A0", "\u200D", "\uFE0F", "\u2800", "a\nb", "a\u202Eb", "\xff", strings.Repeat("r", 65), strings.Repeat("👍", 17),
		strings.Repeat("☺", 21), // 63 bytes, and 126 as everybody gets it
	} {
		if l.CheckReaction(bad) == "" {
			t.Errorf("%+q is taken", bad)
		}
	}
}

// TestReactionsInTwoForms: what older versions stored in both forms is one reaction for clients.
func TestReactionsInTwoForms(t *testing.T) {
	d := NewMessageData(&pb.Message{Reactions: []*pb.Reaction{
		{Reaction: "❤", UserIds: []int64{1, 2}}, {Reaction: "👍", UserIds: []int64{1}}, {Reaction: "❤\uFE0F", UserIds: []int64{2, 3}},
	}})
	if len(d.Reactions) != 2 || d.Reactions[0].Reaction != "❤\uFE0F" || strings.Join(d.Reactions[0].UserIDs, " ") != "1 2 3" || d.Reactions[1].Reaction != "👍" {
		t.Errorf("rendered as %+q", d.Reactions)
	}
}
