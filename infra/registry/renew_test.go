package registry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One member that stands still costs no renewal, whichever member had the last one.
func TestARenewalGoesToAnotherMember(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	silent, well := newWire(t, etcd.addr), newWire(t, etcd.addr)
	cfg := silent.config()
	cfg.Endpoints = append(cfg.Endpoints, well.config().Endpoints...)
	r := join(t, cfg, defaultTimings)
	var leases []*lease
	for range 4 {
		l, err := r.grant(within(t, patience), r.ttl)
		require.NoError(t, err)
		leases = append(leases, l)
	}
	for _, l := range leases { // on either wire
		require.NoError(t, l.renew(within(t, patience)))
	}
	silent.set(true)
	for _, l := range leases {
		before := l.deadline()
		require.NoError(t, l.renew(within(t, patience)))
		require.True(t, l.deadline().After(before))
	}
	silent.set(false)
	for _, l := range leases {
		l.revoke()
	}
}
