package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSocketsReplaceEachOtherInTheOrderOfTheirHandshakes: goroutines of sockets begin in any order, and
// a client that was told to be replaced does not come back.
func TestSocketsReplaceEachOtherInTheOrderOfTheirHandshakes(t *testing.T) {
	t.Parallel()
	h := newHub(10)
	socket := func(device string) *conn {
		c := &conn{user: 7, device: device}
		require.Equal(t, admitted, h.reserve(7, func(turn uint64) { c.turn = turn }))
		return c
	}
	first, other, second, third := socket("phone"), socket("laptop"), socket("phone"), socket("phone")
	for _, step := range []struct {
		add      *conn
		replaced []*conn
		late     bool
	}{
		{add: second},
		{add: first, late: true},
		{add: other},
		{add: third, replaced: []*conn{second, first}},
	} {
		replaced, late := h.add(step.add)
		require.Equal(t, step.late, late)
		require.Equal(t, step.replaced, replaced)
	}
}
