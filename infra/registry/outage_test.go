package registry

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// outages are the ways in which etcd goes away and comes back.
var outages = map[string]func(*child){
	"killed": func(c *child) {
		c.kill()
		time.Sleep(quick.ttl + time.Second) // the outage is longer than a lease
		c.start()
	},
	"stands still": func(c *child) {
		c.signal(syscall.SIGSTOP)
		time.Sleep(quick.ttl + time.Second)
		c.signal(syscall.SIGCONT)
	},
	"loses its data": func(c *child) { c.wipe() },
}

// Whatever happens to etcd: addresses stay, registrations and settings come back, worker ids stay unique, and
// locks and leaderships end before others can have them.
func TestOutages(t *testing.T) {
	t.Parallel()
	for name, outage := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outlived(t, outage)
		})
	}
}

func outlived(t *testing.T, outage func(*child)) {
	t.Helper()
	etcd := startEtcd(t)
	// Longer than the outage, as the real one is.
	times := quick
	times.workerTTL = time.Minute
	times.relist = time.Hour // what is missed must not wait for that
	r, other := join(t, etcd.config(), times), join(t, etcd.config(), times)
	for range 50 { // so that an etcd that begins anew is far behind
		put(t, r, "/config/log.level", "info")
	}
	for i, addr := range []string{"h:1", "h:2"} {
		_, err := r.Register(within(t, patience), "logic", Instance{ID: addr[2:], Address: addr})
		require.NoError(t, err, i)
	}
	c, s := resolve(t, other, "logic"), watchSettings(t, other)
	eventually(t, "both", func() bool { return c.last() == "h:1 h:2" })
	eventually(t, "settings", s.are(map[string]string{"log.level": "info"}))
	w, err := r.ClaimWorkerID(within(t, patience), 1, "p")
	require.NoError(t, err)
	id, err := w.Current()
	require.NoError(t, err)
	c.mu.Lock()
	before := len(c.states)
	c.mu.Unlock()

	outage(etcd)

	put2 := func() bool {
		_, err := r.client.Put(within(t, time.Second), r.prefix+"/config/log.level", "debug")
		return err == nil
	}
	eventually(t, "etcd is back", put2)
	eventually(t, "settings are followed", s.are(map[string]string{"log.level": "debug"}))
	eventually(t, "registered again", func() bool {
		resp, err := r.client.Get(within(t, time.Second), r.serviceKey("logic"), clientv3.WithPrefix(), clientv3.WithCountOnly())
		return err == nil && resp.Count == 2
	})
	eventually(t, "the worker id is held", func() bool {
		resp, err := r.client.Get(within(t, time.Second), w.claimKey(id))
		return err == nil && len(resp.Kvs) == 1 && string(resp.Kvs[0].Value) == w.holder
	})
	now, err := w.Current()
	require.NoError(t, err)
	require.Equal(t, id, now)
	// A new address is seen, so the resolver follows; the earlier addresses never went.
	third, err := other.Register(within(t, patience), "logic", Instance{ID: "3", Address: "h:3"})
	require.NoError(t, err)
	eventually(t, "a third one", func() bool { return c.last() == "h:1 h:2 h:3" })
	c.mu.Lock()
	require.Len(t, c.states, before+1, "the addresses never changed: %v", c.states)
	c.mu.Unlock()
	require.NoError(t, third.Close())
	next, err := other.ClaimWorkerID(within(t, patience), 1, "q")
	require.NoError(t, err)
	otherID, err := next.Current()
	require.NoError(t, err)
	require.NotEqual(t, id, otherID)
}

// A holder of a worker id stops using it before another can have it, and has one again when etcd is back.
func TestWorkerIDEndsInALongOutage(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	r := join(t, etcd.config(), quick)
	w, err := r.ClaimWorkerID(within(t, patience), 1023, "p")
	require.NoError(t, err)
	etcd.kill()
	deadline := w.Deadline()
	require.True(t, w.Valid(), "it stays for a while")
	eventually(t, "its time has passed", func() bool { return !w.Valid() })
	require.False(t, time.Now().Before(deadline), "not before its time")
	require.Equal(t, deadline, w.Deadline())
	etcd.start()
	eventually(t, "it has one again", w.Valid)
}

// A watch whose revision is compacted meanwhile misses nothing.
func TestCompactionDuringACut(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	line := newWire(t, etcd.addr)
	times := quick
	times.relist = time.Hour // only the watch itself, and the connection
	r, far := join(t, etcd.config(), quick), join(t, line.config(), times)
	s := watchSettings(t, far)
	eventually(t, "first", s.are(map[string]string{}))
	put(t, r, "/config/a", "1")
	eventually(t, "watched", s.are(map[string]string{"a": "1"}))
	line.set(true)
	for range 5 {
		put(t, r, "/config/b", "2")
	}
	_, err := r.client.Delete(within(t, callTimeout), r.prefix+"/config/a")
	require.NoError(t, err)
	revision := put(t, r, "/config/c", "3")
	_, err = r.client.Compact(within(t, callTimeout), revision, clientv3.WithCompactPhysical())
	require.NoError(t, err)
	line.set(false)
	eventually(t, "all of it", s.are(map[string]string{"b": "2", "c": "3"}))
}

// Only the leader is cut off from etcd: it stops leading before the next one starts.
func TestLeaderIsCutOff(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	th := &throne{t: t}
	var lines []*wire
	var regs []*Registry
	for range 3 {
		lines = append(lines, newWire(t, etcd.addr))
		regs = append(regs, join(t, lines[len(lines)-1].config(), quick))
	}
	th.candidates(regs...)
	th.awaitTerm("the first one leads", 0)
	for term := int32(1); term <= 2; term++ {
		cut := th.leader.Load() - 1
		lines[cut].set(true)
		th.awaitTerm("the next one leads", term)
		require.NotEqual(t, cut, th.leader.Load()-1)
		lines[cut].set(false)
	}
}

// Whatever happens to etcd there are never two leaders, and in the end there is one.
func TestLeadersInOutages(t *testing.T) {
	t.Parallel()
	for name, outage := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			etcd := startEtcd(t)
			th := &throne{t: t}
			th.candidates(join(t, etcd.config(), quick), join(t, etcd.config(), quick), join(t, etcd.config(), quick))
			th.awaitTerm("somebody leads", 0)
			outage(etcd)
			th.awaitTerm("somebody leads again", 1)
		})
	}
}

// A lock ends for its holder before etcd can give it to another one.
func TestLockIsLost(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	line := newWire(t, etcd.addr)
	r, far := join(t, etcd.config(), quick), join(t, line.config(), quick)
	first, err := far.Lock(within(t, patience), "x")
	require.NoError(t, err)
	line.set(true)
	second, err := r.Lock(within(t, patience), "x")
	require.NoError(t, err)
	select {
	case <-first.Lost():
	default:
		t.Error("two have the lock")
	}
	require.Greater(t, second.Token(), first.Token())
	second.Unlock()
	line.set(false)
	first.Unlock()
}
