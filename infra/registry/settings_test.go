package registry

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func clientID(resp *clientv3.GetResponse) clientv3.LeaseID {
	return clientv3.LeaseID(resp.Kvs[0].Lease)
}

// settings is what WatchConfig has delivered.
type settings struct {
	mu  sync.Mutex
	all []map[string]string
}

func watchSettings(t *testing.T, r *Registry) *settings {
	s := &settings{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- r.WatchConfig(ctx, func(v map[string]string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.all = append(s.all, v)
		})
	}()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return s
}

// are reports whether the newest values are these.
func (s *settings) are(want map[string]string) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.all) > 0 && maps.Equal(s.all[len(s.all)-1], want)
	}
}

func put(t *testing.T, r *Registry, key, value string) int64 {
	t.Helper()
	resp, err := r.client.Put(within(t, callTimeout), r.prefix+key, value)
	require.NoError(t, err)
	return resp.Header.Revision
}

func TestSettingsAreFollowed(t *testing.T) {
	t.Parallel()
	r := join(t, shared(t), quick)
	none := watchSettings(t, r)
	eventually(t, "nothing at first", none.are(map[string]string{}))
	put(t, r, "/config/log.level", "debug")
	put(t, r, "/configuration", "not ours")
	eventually(t, "one", none.are(map[string]string{"log.level": "debug"}))
	some := watchSettings(t, r)
	eventually(t, "one at first", some.are(map[string]string{"log.level": "debug"}))
	put(t, r, "/config/trace.sample", "0.5")
	for _, s := range []*settings{none, some} {
		eventually(t, "two", s.are(map[string]string{"log.level": "debug", "trace.sample": "0.5"}))
	}
	_, err := r.client.Delete(within(t, callTimeout), r.prefix+"/config/log.level")
	require.NoError(t, err)
	eventually(t, "one is gone", none.are(map[string]string{"trace.sample": "0.5"}))
	some.mu.Lock()
	defer some.mu.Unlock()
	require.Equal(t, map[string]string{"log.level": "debug"}, some.all[0], "a delivered map is the receiver's")
}

// TestRoot: with an environment every key begins with it; without one keys are what they always were.
func TestRoot(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	require.Equal(t, "/gochat", cfg.root())
	cfg.Environment = "blue"
	require.Equal(t, "/blue/gochat", cfg.root())
	require.NoError(t, cfg.Validate())
}
