package registry

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestWorkerIDsDifferAmongManyClaimers(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	const claimers = 50
	r, other := join(t, cfg, defaultTimings), join(t, cfg, defaultTimings)
	ids := make([]int64, claimers)
	var all sync.WaitGroup
	for i := range claimers {
		all.Go(func() {
			from := r
			if i%2 == 0 {
				from = other
			}
			w, err := from.ClaimWorkerID(t.Context(), claimers-1, name(i)) // just enough for all
			if err != nil {
				t.Error(err)
				return
			}
			if ids[i], err = w.Current(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[int64]bool{}
	for _, id := range ids {
		require.False(t, seen[id], "worker id %d was given twice", id)
		require.True(t, id >= 0 && id < claimers)
		seen[id] = true
	}
	_, err := r.ClaimWorkerID(t.Context(), claimers-1, "late")
	require.ErrorIs(t, err, ErrWorkerIDsTaken)
}

func TestWorkerIDIsQuarantined(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	w, err := r.ClaimWorkerID(t.Context(), 0, "first")
	require.NoError(t, err)
	require.True(t, w.Valid())
	ended := time.Now()
	require.NoError(t, w.Close())
	_, err = w.Current()
	require.ErrorIs(t, err, ErrNoWorkerID)
	require.Zero(t, w.Deadline())

	_, err = r.ClaimWorkerID(t.Context(), 0, "too early")
	require.ErrorIs(t, err, ErrWorkerIDsTaken)
	var next *WorkerID
	eventually(t, "the number can be had again", func() bool {
		next, err = r.ClaimWorkerID(t.Context(), 0, "second")
		return err == nil
	})
	require.GreaterOrEqual(t, time.Now().UnixMilli(), ended.Add(quick.quarantine).UnixMilli()-1)
	require.NoError(t, next.Close())
}

// A holder that died without giving its number back may have made ids until its claim ended.
func TestWorkerIDOfTheDeadIsQuarantinedForLonger(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	w, err := r.ClaimWorkerID(t.Context(), 0, "first")
	require.NoError(t, err)
	c := w.claim.Load()
	w.cancel()
	<-w.done
	// As if the holder had not written when it ended.
	_, err = r.client.Put(t.Context(), w.useKey(0), use{"first", w.holder, 0, c.until}.String())
	require.NoError(t, err)
	var next *WorkerID
	eventually(t, "the number can be had again", func() bool {
		next, err = r.ClaimWorkerID(t.Context(), 0, "second")
		return err == nil
	})
	require.Greater(t, next.claim.Load().from, c.until)
	require.Greater(t, time.Now().UnixMilli(), c.until+quick.quarantine.Milliseconds())
}

func TestWorkerIDIsConfirmed(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	w, err := r.ClaimWorkerID(t.Context(), 0, "p")
	require.NoError(t, err)
	first := w.claim.Load()
	eventually(t, "confirmed beyond its first time", func() bool {
		return w.Deadline().After(first.deadline.Add(time.Second)) && w.claim.Load().until > first.until && w.Valid()
	})
	// The next holder must not make ids for times at which this one may have. The time that etcd knows is
	// never before the time of an id.
	used := w.claim.Load().until
	resp, err := r.client.Get(within(t, callTimeout), w.useKey(0))
	require.NoError(t, err)
	var u use
	require.NoError(t, json.Unmarshal(resp.Kvs[0].Value, &u))
	require.GreaterOrEqual(t, u.Until, used)
	require.Equal(t, "p", u.Owner)
}

// A lease that is revoked costs the number; the same number comes back, without a quarantine.
func TestWorkerIDIsClaimedAgain(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	w, err := r.ClaimWorkerID(t.Context(), 1023, "p")
	require.NoError(t, err)
	first := w.claim.Load()
	_, err = r.client.Revoke(t.Context(), first.lease.id)
	require.NoError(t, err)
	eventually(t, "claimed anew", func() bool { c := w.claim.Load(); return c != nil && c.lease.id != first.lease.id })
	id, err := w.Current()
	require.NoError(t, err)
	require.Equal(t, first.id, id)
}

// Current, for claims and clocks of all kinds.
func TestWorkerIDOutsideOfItsTime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ms := now.UnixMilli()
	for name, tc := range map[string]struct {
		claim *claim
		ok    bool
	}{
		"none":                           {nil, false},
		"good":                           {&claim{deadline: now.Add(time.Minute), from: ms - 1000, until: ms + 60000}, true},
		"the lease may have ended":       {&claim{deadline: now.Add(-time.Millisecond), until: ms + 60000}, false},
		"the clock is too far ahead":     {&claim{deadline: now.Add(time.Minute), until: ms - 1}, false},
		"the clock is in another's past": {&claim{deadline: now.Add(time.Minute), from: ms + 60000, until: ms + 120000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := &WorkerID{nudge: make(chan struct{}, 1)}
			w.claim.Store(tc.claim)
			_, err := w.Current()
			if tc.ok {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrNoWorkerID)
			}
		})
	}
}

func BenchmarkCurrentWorkerID(b *testing.B) {
	w := &WorkerID{r: &Registry{log: zap.NewNop()}, nudge: make(chan struct{}, 1)}
	w.claim.Store(&claim{deadline: time.Now().Add(time.Hour), until: time.Now().Add(time.Hour).UnixMilli()})
	for b.Loop() {
		if _, err := w.Current(); err != nil {
			b.Fatal(fmt.Errorf("current: %w", err))
		}
	}
}
