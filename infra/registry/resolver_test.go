package registry

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/resolver"
)

// told is gRPC's side of a resolver.
type told struct {
	resolver.ClientConn
	mu     sync.Mutex
	states [][]string
	errs   []error
}

func (c *told) UpdateState(s resolver.State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var a []string
	for _, x := range s.Addresses {
		a = append(a, x.Addr)
	}
	c.states = append(c.states, a)
	return nil
}

func (c *told) ReportError(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

func (c *told) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.states) == 0 {
		return ""
	}
	return strings.Join(c.states[len(c.states)-1], " ")
}

// ever reports whether a list was told at any time.
func (c *told) ever(list string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.states, func(s []string) bool { return strings.Join(s, " ") == list })
}

func (c *told) failed(target error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.errs, func(err error) bool { return errors.Is(err, target) })
}

func resolve(t *testing.T, r *Registry, service string) *told {
	t.Helper()
	c := &told{}
	res, err := r.Resolver().Build(resolver.Target{URL: url.URL{Scheme: Scheme, Path: "/" + service}}, c, resolver.BuildOptions{})
	require.NoError(t, err)
	t.Cleanup(res.Close)
	return c
}

// addressStep has changes of instances at a time, and the addresses that are told then.
type addressStep struct {
	at      time.Duration
	changes []change
	want    string
}

func addressSteps() map[string][]addressStep {
	there := func(id, addr string) change { return change{key: id, value: entry{Address: addr}.String()} }
	gone := func(id string) change { return change{key: id, gone: true} }
	leaves := func(id, addr string) change {
		return change{key: id, value: entry{Address: addr, Leaving: true}.String()}
	}
	return map[string][]addressStep{
		"comes and goes on purpose": {
			{0, []change{there("a", "1"), there("b", "2")}, "1 2"},
			{1 * time.Second, []change{leaves("a", "1"), gone("a")}, "2"},
			{2 * time.Second, []change{leaves("b", "2"), gone("b")}, ""},
		},
		"one runs out": {
			{0, []change{there("a", "1"), there("b", "2")}, "1 2"},
			{1 * time.Second, []change{gone("a")}, "1 2"},
			{4 * time.Second, nil, "1 2"},
			{5 * time.Second, nil, "2"},
		},
		"all run out and one comes again": {
			{0, []change{there("a", "1"), there("b", "2")}, "1 2"},
			{1 * time.Second, []change{gone("a"), gone("b")}, "1 2"},
			{30 * time.Second, nil, "1 2"},
			{40 * time.Second, []change{there("a", "1")}, "1"},
		},
		"the last ones are not kept for ever": {
			{0, []change{there("a", "1")}, "1"},
			{1 * time.Second, []change{gone("a")}, "1"},
			{60 * time.Second, nil, "1"},
			{62 * time.Second, nil, ""},
		},
		"comes again in time, elsewhere": {
			{0, []change{there("a", "1"), there("b", "2")}, "1 2"},
			{1 * time.Second, []change{gone("a")}, "1 2"},
			{2 * time.Second, []change{there("a", "3")}, "2 3"},
			{20 * time.Second, nil, "2 3"},
		},
		"a successor at the same address": {
			{0, []change{there("a", "1")}, "1"},
			{1 * time.Second, []change{there("b", "1"), gone("a")}, "1"},
			{9 * time.Second, nil, "1"},
		},
		"what makes no sense": {
			{0, []change{{key: "a", value: "{"}, {key: "b", value: "{}"}, there("c", "3")}, "3"},
		},
	}
}

// Which addresses are told after which changes, by the clock of the test.
func TestAddressesThatAreKept(t *testing.T) {
	t.Parallel()
	for name, steps := range addressSteps() {
		t.Run(name, func(t *testing.T) {
			c := &told{}
			s := &resolving{r: &Registry{timings: quick, log: zap.NewNop()}, cc: c, instances: map[string]instance{}}
			start := time.Now()
			for _, st := range steps {
				if now := start.Add(st.at); st.changes == nil {
					s.expire(now)
				} else {
					s.take(st.changes, now)
				}
				s.tell(nil)
				require.Equal(t, st.want, c.last(), "at %s", st.at)
			}
		})
	}
}

func TestTargetsAreChecked(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/", "/a/b"} {
		_, err := builder{}.Build(resolver.Target{URL: url.URL{Scheme: Scheme, Path: path}}, &told{}, resolver.BuildOptions{})
		require.Error(t, err, path)
	}
}

func TestRegistrationIsResolved(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	times := quick
	times.grace = time.Hour // who leaves on purpose gets none
	r, other := join(t, cfg, times), join(t, cfg, times)
	c := resolve(t, other, "logic")
	eventually(t, "nobody is there", func() bool { return c.failed(ErrNoInstance) })

	a, err := r.Register(within(t, patience), "logic", Instance{ID: "a", Address: "h:1", Metadata: map[string]string{"zone": "x"}})
	require.NoError(t, err)
	eventually(t, "a", func() bool { return c.last() == "h:1" })
	b, err := r.Register(within(t, patience), "logic", Instance{ID: "b", Address: "h:2"})
	require.NoError(t, err)
	_, err = r.Register(within(t, patience), "logical", Instance{ID: "c", Address: "h:3"})
	require.NoError(t, err)
	eventually(t, "both", func() bool { return c.last() == "h:1 h:2" })

	require.NoError(t, a.Close())
	eventually(t, "one has left", func() bool { return c.last() == "h:2" })
	_, err = r.Register(within(t, patience), "logic", Instance{ID: "a", Address: "h:1"})
	require.NoError(t, err)
	eventually(t, "it is there again", func() bool { return c.last() == "h:1 h:2" })
	require.NoError(t, b.Close())
	eventually(t, "one has left", func() bool { return c.last() == "h:1" })
	require.False(t, c.ever("h:1 h:2 h:3"), "another service is not shown")
}

func TestRegistrationIsChecked(t *testing.T) {
	t.Parallel()
	for _, in := range []Instance{{Address: "h:1"}, {ID: "a"}, {ID: "a/b", Address: "h:1"}} {
		_, err := (&Registry{}).Register(t.Context(), "logic", in)
		require.Error(t, err)
	}
}

// A key that an operator deletes, or whose lease an operator revokes, is written again.
func TestRegistrationComesAgain(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	c := resolve(t, r, "logic")
	reg, err := r.Register(within(t, patience), "logic", Instance{ID: "a", Address: "h:1"})
	require.NoError(t, err)
	revision := func() (int64, int64) {
		resp, err := r.client.Get(within(t, callTimeout), reg.key)
		require.NoError(t, err)
		if len(resp.Kvs) == 0 {
			return 0, 0
		}
		return resp.Kvs[0].CreateRevision, resp.Kvs[0].Lease
	}
	first, lease := revision()
	_, err = r.client.Delete(within(t, callTimeout), reg.key)
	require.NoError(t, err)
	eventually(t, "again after its key was deleted", func() bool { now, _ := revision(); return now > first })
	second, _ := revision()
	_, err = r.client.Revoke(within(t, callTimeout), clientv3.LeaseID(lease))
	require.NoError(t, err)
	eventually(t, "again after its lease was ended", func() bool { now, l := revision(); return now > second && l != lease })
	eventually(t, "resolved", func() bool { return c.last() == "h:1" })
	require.False(t, c.ever(""), "the address was kept in between")
}
