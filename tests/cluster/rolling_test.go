package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/cluster"
)

// longestWait is how long one send may take at most while processes are replaced one after
// the other, from the wish to send to its outcome. It holds where the machine has nothing else to
// do, so at night; otherwise it is twice complete.
const longestWait = 5 * time.Second

// TestRollingRestart replaces every process of a cluster, one after the other and in the
// order of an upgrade, while people talk: nothing is lost, and nobody waits long.
func TestRollingRestart(t *testing.T) {
	w := newTown(t, cluster.Options{BasePort: 22600})
	for _, p := range w.people {
		p.Pace *= 4 // processes that start take their time from the others
	}
	w.waited()
	w.talk(t)
	first, rest := w.halves()
	for _, name := range append(first, rest...) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, w.Renew(ctx, name), name)
		cancel()
		time.Sleep(time.Second) // load on what there is now
		w.nobodyWaitsLong(t, name)
	}
	w.settle(t)
	w.nobodyWaitsLong(t, "the last sends")
	t.Logf("%d messages, none lost or there twice", w.judge(t))
	out, err := w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
}

// waited is the longest time that a send took since it was asked last.
func (w *town) waited() time.Duration {
	var longest time.Duration
	for _, p := range w.people {
		longest = max(longest, p.Longest())
	}
	return longest
}

// nobodyWaitsLong fails where a send took longer than clients are promised.
func (w *town) nobodyWaitsLong(t *testing.T, during string) {
	t.Helper()
	longest := w.waited()
	t.Logf("%s: the longest send took %.1f s", during, longest.Seconds())
	limit := 2 * complete
	if nightly() {
		limit = longestWait
	}
	assert.LessOrEqual(t, longest, limit, during)
}
