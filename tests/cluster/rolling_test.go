package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/cluster"
)

// TestRollingRestart restarts every process of a cluster under load, one after the other
// in the order of an upgrade: nothing is lost, and no user waits long.
func TestRollingRestart(t *testing.T) {
	w := newTown(t, cluster.Options{BasePort: 22600})
	for _, p := range w.people {
		p.Pace *= 4 // starting processes take CPU from the others
	}
	w.talk(t)
	w.warm(t)
	first, rest := w.halves()
	for _, name := range append(first, rest...) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, w.Renew(ctx, name), name)
		cancel()
		time.Sleep(time.Second) // load on the new process
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
