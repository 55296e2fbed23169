package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/cluster"
)

// TestRollingRestart replaces every process of a cluster, one after the other and in the
// order of an upgrade, while people talk: nothing is lost, and nobody waits long.
func TestRollingRestart(t *testing.T) {
	w := newTown(t, cluster.Options{BasePort: 22600})
	for _, p := range w.people {
		p.Pace *= 4 // processes that start take their time from the others
	}
	w.talk(t)
	w.warm(t)
	first, rest := w.halves()
	for _, name := range append(first, rest...) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, w.Renew(ctx, name), name)
		cancel()
		time.Sleep(time.Second) // load on what there is now
		w.waited(t, name)
	}
	w.settle(t)
	w.waited(t, "the last sends")
	w.waits.judge(t)
	t.Logf("%d messages, none lost or there twice", w.judge(t))
	out, err := w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
}
