package registry

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMembersAreFollowed: the list has those who are registered, not those who left, and no registration that
// cannot be read.
func TestMembersAreFollowed(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	r, other := join(t, cfg, quick), join(t, cfg, quick)
	m, err := r.Members("gateway")
	require.NoError(t, err)
	defer m.Close()
	is := func(want ...string) func() bool {
		return func() bool {
			got := slices.Clone(m.IDs())
			slices.Sort(got)
			return slices.Equal(got, want)
		}
	}
	a, err := other.Register(within(t, patience), "gateway", Instance{ID: "a", Address: "127.0.0.1:1"})
	require.NoError(t, err)
	eventually(t, "a is there", is("a"))
	_, err = other.Register(within(t, patience), "gateway", Instance{ID: "b", Address: "127.0.0.1:1"})
	require.NoError(t, err)
	_, err = other.Register(within(t, patience), "logic", Instance{ID: "c", Address: "127.0.0.1:1"})
	require.NoError(t, err)
	eventually(t, "b is there too", is("a", "b"))

	_, err = r.client.Put(within(t, callTimeout), r.serviceKey("gateway")+"d", "nonsense")
	require.NoError(t, err)
	require.NoError(t, a.Close())
	eventually(t, "a has left", is("b"))
	require.NoError(t, other.Close())
	eventually(t, "all have left", is())
}

// TestMembersOfAClosedRegistry: there are none to follow.
func TestMembersOfAClosedRegistry(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	require.NoError(t, r.Close())
	_, err := r.Members("gateway")
	require.ErrorIs(t, err, ErrClosed)
}

// TestMembersStayWhileEtcdIsAway.
func TestMembersStayWhileEtcdIsAway(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	r := join(t, etcd.config(), quick)
	m, err := r.Members("gateway")
	require.NoError(t, err)
	_, err = r.Register(within(t, patience), "gateway", Instance{ID: "a", Address: "127.0.0.1:1"})
	require.NoError(t, err)
	eventually(t, "a is there", func() bool { return len(m.IDs()) == 1 })
	etcd.kill()
	require.Never(t, func() bool { return len(m.IDs()) != 1 }, 2*quick.ttl, quick.ttl/4)
	etcd.launch()
	eventually(t, "it is there, or again", func() bool { return slices.Equal(m.IDs(), []string{"a"}) })
}
