package sqlstore

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/repo/store"
)

// TestReactionsOfOlderVersions: what was stored in any form is one reaction, which counts each user
// once and can be taken back in any form; and what was stored is left as it is.
func TestReactionsOfOlderVersions(t *testing.T) {
	const bare, full = "❤", "❤\uFE0F"
	type list = []store.Reaction
	one := func(reaction string, users ...int64) store.Reaction {
		return store.Reaction{Reaction: reaction, Users: users}
	}
	for what, tt := range map[string]struct {
		old      list
		kind     store.ChangeKind
		reaction string
		user     int64
		want     list
		why      store.Outcome
	}{
		"taken back in the new form": {list{one(bare, 1)}, store.Unreact, full, 1, list{}, 0},
		"taken back in the old form": {list{one(bare, 1, 2)}, store.Unreact, bare, 1, list{one(full, 2)}, 0},
		"given again":                {list{one(bare, 1)}, store.React, full, 1, nil, store.ReactedAlready},
		"given by another":           {list{one("👍", 1), one(bare, 1)}, store.React, full, 2, list{one("👍", 1), one(full, 1, 2)}, 0},
		"in both forms":              {list{one(bare, 1, 2), one("👍", 3), one(full, 2, 3)}, store.Unreact, bare, 2, list{one(full, 1, 3), one("👍", 3)}, 0},
		"nobody's":                   {list{one(full, 1)}, store.Unreact, bare, 2, nil, store.NoTarget},
		"blank":                      {list{one(" ", 1)}, store.Unreact, " ", 1, list{}, 0},
		"from an older program":      {list{}, store.React, bare, 1, list{one(full, 1)}, 0},
	} {
		before := fmt.Sprint(tt.old)
		got, why := react(tt.old, &store.Change{Kind: tt.kind, Reaction: tt.reaction}, tt.user)
		assert.Equal(t, tt.want, got, what)
		assert.Equal(t, tt.why, why, what)
		if fmt.Sprint(tt.old) != before {
			t.Errorf("%s: the old list became %v", what, tt.old)
		}
	}
}
