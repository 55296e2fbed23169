package registry

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// leads reports whether a member leads its cluster.
func (c *child) leads(admin *clientv3.Client) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	st, err := admin.Status(ctx, c.addr)
	return err == nil && st.Leader == st.Header.MemberId
}

// Of three members of etcd, the leading one stands still, and then dies: whoever is
// registered stays, whoever leads stays, and what is new is seen.
func TestOneOfThreeIsAway(t *testing.T) {
	t.Parallel()
	etcds := startEtcds(t, 3)
	cfg := DefaultConfig()
	for _, e := range etcds {
		cfg.Endpoints = append(cfg.Endpoints, e.addr)
	}
	times := defaultTimings // how long calls to the one may hang is what they are made for
	r, other := join(t, cfg, times), join(t, cfg, times)
	reg, err := r.Register(within(t, patience), "logic", Instance{ID: "1", Address: "h:1"})
	require.NoError(t, err)
	w, err := r.ClaimWorkerID(within(t, patience), 7, "p")
	require.NoError(t, err)
	lock, err := r.Lock(within(t, patience), "x")
	require.NoError(t, err)
	defer lock.Unlock()
	c := resolve(t, other, "logic")
	eventually(t, "registered", func() bool { return c.last() == "h:1" })

	created := func() int64 {
		resp, err := r.client.Get(within(t, patience), reg.key)
		require.NoError(t, err)
		require.Len(t, resp.Kvs, 1)
		return resp.Kvs[0].CreateRevision
	}
	first := created()

	admin, err := clientv3.New(clientv3.Config{Endpoints: cfg.Endpoints, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer admin.Close()
	leader := func() (found *child) {
		eventually(t, "one member leads", func() bool {
			for _, e := range etcds {
				if e.leads(admin) {
					found = e
				}
			}
			return found != nil
		})
		return found
	}
	still := leader()
	still.signal(syscall.SIGSTOP)
	stays(t, times.ttl, lock, w, c)
	second, err := other.Register(within(t, patience), "logic", Instance{ID: "2", Address: "h:2"})
	require.NoError(t, err)
	eventually(t, "a new one is seen", func() bool { return c.last() == "h:1 h:2" })
	still.signal(syscall.SIGCONT)
	require.NoError(t, second.Close())
	eventually(t, "it has left", func() bool { return c.last() == "h:1" })
	leader().kill()
	stays(t, times.ttl/2, lock, w, c)
	require.Equal(t, first, created(), "the registration never ran out")
}

// stays checks for a while that nothing is lost.
func stays(t *testing.T, while time.Duration, lock *Lock, w *WorkerID, c *told) {
	t.Helper()
	end := time.After(while)
	for {
		select {
		case <-lock.Lost():
			t.Fatal("the lock is lost")
		case <-end:
			return
		case <-time.After(50 * time.Millisecond):
			require.True(t, w.Valid())
			require.Equal(t, "h:1", c.last())
		}
	}
}
