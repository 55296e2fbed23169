package registry

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// nameChild names the prefix in which the test binary, run again, claims a slot.
const nameChild = "GOCHAT_TEST_REGISTRY_NAME_CHILD"

// TestNameChild is no test: it is a process that claims a slot, says which, and stays.
func TestNameChild(t *testing.T) {
	prefix := os.Getenv(nameChild)
	if prefix == "" {
		return
	}
	cfg := DefaultConfig()
	cfg.Endpoints, cfg.Prefix = strings.Split(os.Getenv(endpointsVar), ","), prefix
	n, err := join(t, cfg, defaultTimings).ClaimSlot(t.Context(), "worker")
	require.NoError(t, err)
	fmt.Println("\nslot", n)
	time.Sleep(time.Hour)
}

// A process that takes the place of a killed one has its name at once, before the dead one's lease has run
// out, and so can end what the dead one left open.
func TestASuccessorHasItsPredecessorsSlot(t *testing.T) {
	t.Parallel()
	if place() == "" {
		t.Skip("this system does not show who lives: a successor waits for the lease")
	}
	cfg := shared(t)
	r := join(t, cfg, defaultTimings)
	first, err := r.ClaimSlot(t.Context(), "worker")
	require.NoError(t, err)
	require.Equal(t, "worker-slot-0", first.String())

	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNameChild$") //nolint:gosec // itself
	cmd.Env, cmd.Stderr = append(os.Environ(), nameChild+"="+cfg.Prefix), os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for scan := bufio.NewScanner(out); scan.Scan() && scan.Text() != "slot worker-slot-1"; {
		require.NotContains(t, scan.Text(), "FAIL")
	}
	third, err := r.ClaimSlot(t.Context(), "worker")
	require.NoError(t, err)
	require.Equal(t, "worker-slot-2", third.String(), "the child lives")

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	next, err := r.ClaimSlot(t.Context(), "worker")
	require.NoError(t, err)
	require.Equal(t, "worker-slot-1", next.String())
}

func TestANameThatLivesIsRefused(t *testing.T) {
	t.Parallel()
	for where, move := range map[string]func(*Registry, *Name){
		"here": func(*Registry, *Name) {},
		"elsewhere": func(r *Registry, n *Name) { // as on another machine
			n.stand()
			who := n.who
			who.Place = "elsewhere"
			_, err := r.client.Put(within(t, callTimeout), n.key(), who.String(), clientv3.WithLease(n.lease.id))
			require.NoError(t, err)
		},
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			cfg := shared(t)
			r, other := join(t, cfg, quick), join(t, cfg, quick)
			n, err := r.ClaimName(t.Context(), "message-1")
			require.NoError(t, err)
			move(r, n)
			_, err = other.ClaimName(t.Context(), "message-1")
			require.ErrorIs(t, err, ErrNameTaken)
			require.ErrorContains(t, err, "message-1")
			require.ErrorContains(t, err, fmt.Sprint(os.Getpid()), "who has it")
			same, err := other.ClaimName(t.Context(), "message-2")
			require.NoError(t, err, "another name is free")
			require.NoError(t, same.Close())

			require.NoError(t, n.Close())
			next, err := other.ClaimName(t.Context(), "message-1")
			require.NoError(t, err, "it was given back")
			require.NoError(t, next.Close())
		})
	}
}

// A holder that died elsewhere is not known to be dead until its lease has run out; the claim waits for that.
func TestANameThatDiedElsewhereIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	l, err := r.grant(t.Context(), quick.ttl)
	require.NoError(t, err)
	dead := holder{ID: "dead", Who: "another machine", Place: "elsewhere"}
	_, err = r.client.Put(within(t, callTimeout), r.prefix+"/names/message-1", dead.String(), clientv3.WithLease(l.id))
	require.NoError(t, err)
	n, err := r.ClaimName(t.Context(), "message-1")
	require.NoError(t, err)
	require.NoError(t, n.Close())
}

// An etcd without its data gets the name again; a process whose name another one has got is told.
func TestANameIsKeptOverALossOfData(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	n, err := r.ClaimName(t.Context(), "message-1")
	require.NoError(t, err)
	lease := func() clientv3.LeaseID {
		resp, err := r.client.Get(within(t, callTimeout), n.key())
		require.NoError(t, err)
		require.Len(t, resp.Kvs, 1)
		return clientv3.LeaseID(resp.Kvs[0].Lease)
	}
	_, err = r.client.Revoke(within(t, callTimeout), lease())
	require.NoError(t, err)
	eventually(t, "it claims its name again", func() bool {
		other, err := n.read(t.Context())
		return err == nil && other != nil && other.ID == n.who.ID
	})
	require.Empty(t, n.Lost())
	last := lease()
	thief := holder{ID: "thief", Who: "another machine", Place: "elsewhere"}
	_, err = r.client.Put(within(t, callTimeout), n.key(), thief.String())
	require.NoError(t, err)
	_, err = r.client.Revoke(within(t, callTimeout), last)
	require.NoError(t, err)
	select {
	case err := <-n.Lost():
		require.ErrorIs(t, err, ErrNameTaken)
		require.ErrorContains(t, err, "another machine")
	case <-time.After(patience):
		require.FailNow(t, "it goes on under a name that another process has")
	}
	require.NoError(t, n.Close())
}

func TestSlotsDifferAmongMany(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	r, other := join(t, cfg, defaultTimings), join(t, cfg, defaultTimings)
	const many = 40
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			from := r
			if i%2 == 0 {
				from = other
			}
			n, err := from.ClaimSlot(context.WithoutCancel(t.Context()), "worker")
			if !assert.NoError(t, err) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			assert.False(t, seen[n.String()], "%s was given twice", n)
			seen[n.String()] = true
		})
	}
	all.Wait()
	require.Len(t, seen, many)
}

// Without a registry processes of one place number themselves, and a number is free
// again as soon as its process is not there.
func TestSlotsWithoutARegistry(t *testing.T) {
	if place() == "" {
		t.Skip("this system does not show who lives")
	}
	kind := fmt.Sprint("test ", os.Getpid())
	zero, seat, ok := Slot(kind)
	require.True(t, ok)
	one, second, ok := Slot(kind)
	require.True(t, ok)
	require.Equal(t, []int{0, 1}, []int{zero, one})
	require.NoError(t, seat.Close())
	again, third, ok := Slot(kind)
	require.True(t, ok)
	require.Equal(t, 0, again)
	require.NoError(t, second.Close())
	require.NoError(t, third.Close())
}
