package redisstream

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// TestOverAFailover kills the master under load. With publishes that wait for a replica nothing is lost that
// was confirmed.
func TestOverAFailover(t *testing.T) {
	t.Parallel()
	if os.Getenv("GOCHAT_TEST_LOCAL") == "" {
		t.Skip("set GOCHAT_TEST_LOCAL=1 to start a Redis with sentinels of deploy/local, and hurt it")
	}
	dir, port := t.TempDir(), freePorts(t)
	do := func(args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		args = append([]string{"--dir", dir, "--base-port", strconv.Itoa(port)}, args...)
		out, err := exec.CommandContext(ctx, "../../../deploy/local/local", args...).CombinedOutput()
		require.NoError(t, err, "%s: %s", args, out)
	}
	t.Cleanup(func() { do("down") })
	do("up", "sentinel")
	cfg := DefaultConfig()
	cfg.MasterName, cfg.WaitReplicas, cfg.Lease, cfg.Timeout = "gochat", 1, 2*time.Second, 2*time.Second
	for _, offset := range []int{35, 36, 37} {
		cfg.Addrs = append(cfg.Addrs, fmt.Sprint("127.0.0.1:", port+offset))
	}
	keepAll(&cfg)
	tr, err := Open(t.Context(), cfg, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	l := startLoad(t, tr)
	l.goesOn(t, "before anything happened")
	do("kill", "sentinel-redis-1")
	l.goesOn(t, "with another master")
	l.end(t)
}

// freePorts returns a base port of deploy/local on whose ports for sentinels nobody
// listens.
func freePorts(t *testing.T) int {
	t.Helper()
	for base := 25208; base < 25260; base += 10 {
		free := true
		for _, offset := range []int{30, 31, 32, 35, 36, 37} {
			l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", base+offset))
			free = free && err == nil && l.Close() == nil
		}
		if free {
			return base
		}
	}
	require.FailNow(t, "there are no free ports from 25238 on")
	return 0
}
