package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
	"github.com/gochat/gochat/tests/cluster"
)

// complete bounds the time after a fault until every client has every message.
const complete = 30 * time.Second

// town is a cluster and the talkers on it.
type town struct {
	*cluster.Cluster
	opt     cluster.Options
	servers []*client.Server
	people  []*chaos.Talker
	// crowd is a large group of all people and many users who are not connected; circles have eight members each.
	crowd   chaos.Target
	circles []chaos.Target
	absent  []*client.Account
	groups  []string // their ids
	// countsSystem: a process of the former program may answer, which counts system messages as unread.
	countsSystem bool
	waits        waits
	stop         context.CancelFunc
	running      sync.WaitGroup
}

// newTown starts a cluster and its talkers: each sends to two others, to a small and a large group
// and to world, through all gateways in turn.
func newTown(t *testing.T, opt cluster.Options) *town {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_CLUSTER") == "" {
		t.Skip("GOCHAT_TEST_CLUSTER is not set: servers and processes are not started")
	}
	opt.Dir = filepath.Join(os.TempDir(), fmt.Sprintf("gochat-cluster-%d", opt.BasePort))
	require.NoError(t, os.RemoveAll(opt.Dir))
	require.NoError(t, os.MkdirAll(opt.Dir, 0o700))
	if opt.Binary == "" {
		bin, err := chaos.Build(t.Context(), opt.Dir)
		require.NoError(t, err)
		opt.Binary = bin
	}
	opt.Out = os.Stderr
	opt.Env = []string{"GOCHAT_LIMITS_SOCKETS_PER_USER=20", "GOCHAT_ROUTER_GROUP_LIMIT=8"} // as the black-box suite has it
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c, err := cluster.Start(ctx, opt)
	require.NoError(t, err)
	w := &town{Cluster: c, opt: opt}
	t.Cleanup(func() {
		assert.NoError(t, w.Stop())
		if t.Failed() {
			for _, p := range w.Processes {
				t.Logf("%s said at the end:\n%s", p.Name, p.Tail(2500))
			}
			return
		}
		assert.NoError(t, os.RemoveAll(opt.Dir))
	})
	w.populate(t)
	return w
}

func (w *town) talk(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	w.stop = cancel
	for _, one := range w.people {
		one.Speak()
		w.running.Go(func() { one.Run(ctx) })
	}
}

// settle waits until every send has an outcome and lets every client pull everything,
// and returns how long that took.
func (w *town) settle(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	for _, one := range w.people {
		one.Hush()
	}
	ok := assert.Eventually(t, func() bool {
		for _, one := range w.people {
			if one.Pending() > 0 {
				return false
			}
		}
		return true
	}, complete, 20*time.Millisecond, "sends without an outcome")
	for _, one := range w.people {
		ctx, cancel := context.WithTimeout(t.Context(), complete)
		assert.NoError(t, one.Sync(ctx))
		cancel()
	}
	took := time.Since(begin)
	w.stop()
	w.running.Wait()
	require.True(t, ok)
	return took
}

// do runs a command of deploy/local.
func (w *town) do(t *testing.T, args ...string) {
	t.Helper()
	_, err := w.Servers.Do(t.Context(), args...)
	require.NoError(t, err)
}

func (w *town) queue() string {
	if w.opt.Queue == "redisstream" {
		return "stream"
	}
	return "kafka"
}

func (w *town) flush(t *testing.T) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: w.Servers.Cache()})
	defer func() { _ = rdb.Close() }()
	require.NoError(t, rdb.FlushAll(t.Context()).Err())
}
