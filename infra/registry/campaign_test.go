package registry

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// throne records who leads, and fails the test when two do.
type throne struct {
	t       *testing.T
	leading atomic.Int32
	terms   atomic.Int32
	leader  atomic.Int32 // whose lead runs, plus one; 0: nobody's
}

// lead returns what leader number i does.
func (th *throne) lead(i int) func(context.Context) error {
	return func(ctx context.Context) error {
		if n := th.leading.Add(1); n != 1 {
			th.t.Errorf("%d lead at once", n)
		}
		th.terms.Add(1)
		th.leader.Store(int32(i) + 1)
		<-ctx.Done()
		th.leader.Store(0)
		// A leader needs a moment to end.
		time.Sleep(quick.margin / 8)
		th.leading.Add(-1)
		return nil
	}
}

func (th *throne) awaitTerm(what string, after int32) {
	th.t.Helper()
	eventually(th.t, what, func() bool { return th.terms.Load() > after && th.leader.Load() != 0 })
}

// candidates campaign until the test ends.
func (th *throne) candidates(all ...*Registry) (stop []context.CancelFunc) {
	var done sync.WaitGroup
	for i, r := range all {
		ctx, cancel := context.WithCancel(context.Background())
		stop = append(stop, cancel)
		done.Go(func() {
			if err := r.Campaign(ctx, "chores", th.lead(i)); err != nil {
				th.t.Errorf("campaign of %d: %v", i, err)
			}
		})
	}
	th.t.Cleanup(func() {
		for _, s := range stop {
			s()
		}
		done.Wait()
	})
	return stop
}

func TestOneLeads(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	th := &throne{t: t}
	began := time.Now()
	stop := th.candidates(join(t, cfg, quick), join(t, cfg, quick), join(t, cfg, quick))
	th.awaitTerm("somebody leads", 0)
	require.GreaterOrEqual(t, time.Since(began), quick.ttl, "an etcd without memory elects nobody until a leader from before has given up")
	first := th.leader.Load()
	stop[first-1]()
	th.awaitTerm("another one leads", 1)
	require.NotEqual(t, first, th.leader.Load())
}

func TestCampaignReturnsWhatLeadReturns(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	done := errors.New("done")
	require.ErrorIs(t, r.Campaign(within(t, patience), "chores", func(context.Context) error { return done }), done)
	require.NoError(t, r.Campaign(within(t, patience), "chores", func(context.Context) error { return nil }))
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, r.Campaign(ctx, "chores", func(ctx context.Context) error { cancel(); return ctx.Err() }))
}

// The key is deleted: the leader's context ends with its cause, and the process leads again.
func TestLeadershipIsLost(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	ctx, cancel := context.WithCancel(within(t, patience))
	terms := 0
	err := r.Campaign(ctx, "chores", func(ctx context.Context) error {
		if terms++; terms == 2 {
			cancel()
			return nil
		}
		resp, err := r.client.Get(ctx, r.prefix+"/leaders/chores")
		require.NoError(t, err)
		_, err = r.client.Revoke(ctx, clientID(resp))
		require.NoError(t, err)
		<-ctx.Done()
		require.ErrorIs(t, context.Cause(ctx), ErrLeadershipLost)
		return ctx.Err()
	})
	require.NoError(t, err)
	require.Equal(t, 2, terms)
}

func TestLock(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	a, b := join(t, cfg, quick), join(t, cfg, quick)
	first, err := a.Lock(within(t, patience), "x")
	require.NoError(t, err)
	other, err := b.Lock(within(t, patience), "y")
	require.NoError(t, err, "another lock is free")
	defer other.Unlock()
	_, err = b.Lock(within(t, 200*time.Millisecond), "x")
	require.ErrorIs(t, err, context.DeadlineExceeded, "it is not free")

	got := make(chan *Lock)
	go func() {
		l, err := b.Lock(within(t, patience), "x")
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	select {
	case <-got:
		t.Fatal("two have the lock")
	case <-first.Lost():
		t.Fatal("the lock was lost")
	case <-time.After(quick.ttl + time.Second): // longer than a lease that nobody renews
	}
	first.Unlock()
	second := <-got
	<-first.Lost()
	require.Greater(t, second.Token(), first.Token())
	first.Unlock() // again, which must not touch the other's
	select {
	case <-second.Lost():
		t.Fatal("lost by the first one's unlock")
	default:
	}
	second.Unlock()
}

func TestManyLock(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	regs := []*Registry{join(t, cfg, quick), join(t, cfg, quick)}
	var inside atomic.Int32
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			l, err := regs[i%2].Lock(within(t, patience), "x")
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d are inside", n)
			}
			time.Sleep(5 * time.Millisecond)
			inside.Add(-1)
			l.Unlock()
		})
	}
	all.Wait()
}
