package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// FuzzCursor: a cursor that is taken names a place that a list can have.
func FuzzCursor(f *testing.F) {
	f.Add(formatCursor(1795447091473, "world"))
	f.Add(formatCursor(0, "group_7"))
	f.Add("nonsense")
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		at, id, err := parseCursor(cursor)
		if err != nil {
			require.ErrorIs(t, err, store.ErrBadCursor)
			return
		}
		require.True(t, contracts.ConversationID(id).Valid())
		at2, id2, err := parseCursor(formatCursor(at, id))
		require.NoError(t, err)
		require.Equal(t, at, at2)
		require.Equal(t, id, id2)
	})
}
