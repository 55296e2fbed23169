package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/repo/store"
)

// TestExpire: what is left of a message once all up to a number have expired, whoever asks, and
// however often.
func TestExpire(t *testing.T) {
	t.Parallel()
	event := func(event, more string) string { return `{"event":"` + event + `","seqId":3` + more + `}` }
	change := func(kind store.ChangeKind, reaction string) *store.Extra {
		return &store.Extra{Change: &store.Change{Kind: kind, Seq: 3, Reaction: reaction}}
	}
	spent := func(kind store.ChangeKind) *store.Extra {
		e := change(kind, "")
		e.Expired = true
		return e
	}
	full := &store.Extra{
		ReplyTo: 1, Mentions: []int64{7}, MentionsAll: true, EditedAt: 5, Edits: []uint64{6},
		Reactions: []store.Reaction{{Reaction: "👍", Users: []int64{7}}},
	}
	for name, tt := range map[string]struct {
		kind    string
		text    string
		extra   *store.Extra
		through uint64
		want    string
		left    *store.Extra
	}{
		"not yet":                        {"text", "hello", full, 4, "hello", full},
		"a text":                         {"text", "hello", nil, 5, "", &store.Extra{Expired: true}},
		"with all that it can have":      {"image", "hello", full, 5, "", &store.Extra{ReplyTo: 1, EditedAt: 5, Expired: true}},
		"recalled before":                {"text", "", &store.Extra{RecalledAt: 4, RecalledBy: 7}, 5, "", &store.Extra{RecalledAt: 4, RecalledBy: 7, Expired: true}},
		"who came":                       {"system", `{"event":"members-added"}`, nil, 5, `{"event":"members-added"}`, nil},
		"an edit":                        {"system", event("message-edited", `,"content":"new"`), change(store.Edit, ""), 5, event("message-edited", ""), spent(store.Edit)},
		"an edit of what has expired":    {"system", event("message-edited", `,"content":"new"`), change(store.Edit, ""), 3, event("message-edited", ""), change(store.Edit, "")},
		"an edit of what has not":        {"system", event("message-edited", `,"content":"new"`), change(store.Edit, ""), 2, event("message-edited", `,"content":"new"`), change(store.Edit, "")},
		"a recall":                       {"system", event("message-recalled", ""), change(store.Recall, ""), 5, event("message-recalled", ""), change(store.Recall, "")},
		"a reaction":                     {"system", event("reaction-added", `,"reaction":"x"`), change(store.React, "x"), 5, event("reaction-added", ""), spent(store.React)},
		"a reaction to what has expired": {"system", event("reaction-added", `,"reaction":"x"`), change(store.React, "x"), 3, event("reaction-added", `,"reaction":"x"`), change(store.React, "x")},
		"a reaction that is taken back":  {"system", event("reaction-removed", `,"reaction":"x"`), change(store.Unreact, "x"), 5, event("reaction-removed", ""), spent(store.Unreact)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := store.Message{Seq: 5, ID: 9, ClientID: "k", Type: tt.kind, Content: tt.text, Extra: tt.extra}
			want := m
			want.Content, want.Extra = tt.want, tt.left
			changed := m.Content != tt.want || tt.left != nil && tt.left.Expired
			assert.Equal(t, changed, m.Expire(tt.through))
			assert.Equal(t, want, m)
			assert.False(t, m.Expire(tt.through), "again")
			assert.Equal(t, want, m)
		})
	}
	assert.Equal(t, []int64{7}, full.Mentions, "what others hold is not changed")
}
