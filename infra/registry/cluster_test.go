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

// trio is three members of etcd, and what this process keeps there.
type trio struct {
	t           *testing.T
	etcds       []*child
	times       timings
	r, other    *Registry
	admin       *clientv3.Client
	reg         *Registration
	worker      *WorkerID
	lock        *Lock
	seen        *told
	createdFrom int64 // the revision that registered first
}

func newTrio(t *testing.T) *trio {
	etcds := startEtcds(t, 3)
	cfg := DefaultConfig()
	for _, e := range etcds {
		cfg.Endpoints = append(cfg.Endpoints, e.addr)
	}
	// Calls to a member that stands still may hang for as long as they are made to.
	c := &trio{t: t, etcds: etcds, times: defaultTimings}
	c.r, c.other = join(t, cfg, c.times), join(t, cfg, c.times)
	var err error
	c.reg, err = c.r.Register(within(t, patience), "logic", Instance{ID: "1", Address: "h:1"})
	require.NoError(t, err)
	c.worker, err = c.r.ClaimWorkerID(within(t, patience), 7, "p")
	require.NoError(t, err)
	c.lock, err = c.r.Lock(within(t, patience), "x")
	require.NoError(t, err)
	t.Cleanup(c.lock.Unlock)
	c.seen = resolve(t, c.other, "logic")
	eventually(t, "registered", func() bool { return c.seen.last() == "h:1" })
	c.admin, err = clientv3.New(clientv3.Config{Endpoints: cfg.Endpoints, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.admin.Close()) })
	c.createdFrom = c.created()
	return c
}

// created is the revision at which the registration was written.
func (c *trio) created() int64 {
	resp, err := c.r.client.Get(within(c.t, patience), c.reg.key)
	require.NoError(c.t, err)
	require.Len(c.t, resp.Kvs, 1)
	return resp.Kvs[0].CreateRevision
}

func (c *trio) leader() (found *child) {
	eventually(c.t, "one member leads", func() bool {
		for _, e := range c.etcds {
			if e.leads(c.admin) {
				found = e
			}
		}
		return found != nil
	})
	return found
}

// follows waits until a member has caught up with a leader.
func (c *trio) follows(e *child) {
	eventually(c.t, "a member follows", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		st, err := c.admin.Status(ctx, e.addr)
		return err == nil && st.Leader != 0 && st.RaftAppliedIndex == st.RaftIndex
	})
}

// shown checks for a while that everybody sees the registration, and that the
// worker id is good.
func (c *trio) shown(while time.Duration) {
	c.t.Helper()
	for end := time.After(while); ; {
		select {
		case <-end:
			return
		case <-time.After(50 * time.Millisecond):
			require.True(c.t, c.worker.Valid())
			require.Equal(c.t, "h:1", c.seen.last())
		}
	}
}

// kept checks for a while that nothing is lost.
func (c *trio) kept(while time.Duration) {
	c.t.Helper()
	c.shown(while)
	select {
	case <-c.lock.Lost():
		c.t.Fatal("the lock is lost")
	default:
	}
	require.Equal(c.t, c.createdFrom, c.created(), "the registration ran out")
}

// standstill stops the leading member for longer than leases last, without a loss.
func (c *trio) standstill() *child {
	c.t.Helper()
	still := c.leader()
	still.signal(syscall.SIGSTOP)
	c.kept(c.times.ttl)
	return still
}

// Of three members of etcd, the leading one stands still for longer than leases last and dies, and then the
// next one dies: registrations and leaderships stay, and new registrations are seen.
func TestOneOfThreeIsAway(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	still := c.standstill()
	second, err := c.other.Register(within(t, patience), "logic", Instance{ID: "2", Address: "h:2"})
	require.NoError(t, err)
	eventually(t, "a new one is seen", func() bool { return c.seen.last() == "h:1 h:2" })
	still.kill()
	still.start()
	c.follows(still)
	require.NoError(t, second.Close())
	eventually(t, "it has left", func() bool { return c.seen.last() == "h:1" })
	c.leader().kill()
	c.kept(c.times.ttl / 2)
}

// A leading member that goes on after a standstill may end every lease that was renewed there, before it
// knows that another member leads: its own counter of the leases that it ended said so in 2 of 8 runs of etcd
// 3.7.3, whose check against it (issue 15247) is skipped when its clock has ticked again. Ended registrations
// are made again before anybody misses them, and holders of a lock are told.
func TestOneOfThreeGoesOn(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	still := c.standstill()
	still.signal(syscall.SIGCONT)
	c.shown(c.times.ttl / 2)
	c.follows(still)
	soon, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	taken, err := c.other.Lock(soon, "x")
	if err != nil {
		return // this time it knew
	}
	defer taken.Unlock()
	require.Greater(t, taken.Token(), c.lock.Token())
	select {
	case <-c.lock.Lost():
	case <-time.After(patience):
		t.Fatal("the holder is not told that another one has the lock")
	}
}
