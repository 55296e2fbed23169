package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

// startRedis starts a Redis that the test may end.
func startRedis(t *testing.T, address string) *exec.Cmd {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "redis-server", "--bind", "127.0.0.1", "--port", port, //nolint:gosec // ours
		"--dir", t.TempDir(), "--save", "", "--appendonly", "no")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address) //nolint:noctx // loopback
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	return cmd
}

// TestCacheAway: a server in one process with Redis as its cache works while Redis is away for
// longer than a silent gateway counts as alive: messages are still pushed, and /readyz says
// degraded.
func TestCacheAway(t *testing.T) {
	if os.Getenv("GOCHAT_TEST_LOCAL") == "" {
		t.Skip("set GOCHAT_TEST_LOCAL=1 to start redis-server, which has to be installed, and kill it")
	}
	away := 30 * time.Second // longer than the 12 s after which a silent gateway counts as dead
	if os.Getenv("CI_NIGHTLY") == "1" {
		away = 120 * time.Second
	}
	address, err := FreeAddress()
	require.NoError(t, err)
	redis := startRedis(t, address)
	c := newTown(t, "GOCHAT_KV_ADDRS="+address)
	ears := make([]*Listener, 4)
	for i := range ears {
		account, err := c.web.Register(t.Context(), fmt.Sprintf("ear%d", i), "a password")
		require.NoError(t, err)
		ears[i], err = Listen(t.Context(), account)
		require.NoError(t, err)
		t.Cleanup(ears[i].Close)
	}
	speaker, err := c.web.Register(t.Context(), "speaker", "a password")
	require.NoError(t, err)
	said := 0
	hears := func(when string) (slowest time.Duration) {
		for i, ear := range ears {
			said++
			id := fmt.Sprint("said-", said)
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			took, err := Tell(ctx, speaker, ear, id)
			require.NoError(t, err, when)
			require.NoError(t, ear.Hear(ctx, id), "%s, listener %d", when, i)
			cancel()
			slowest = max(slowest, took)
		}
		return slowest
	}
	c.talk(t)
	before := hears("before")
	require.NoError(t, redis.Process.Kill())
	_ = redis.Wait() // it was killed
	over := time.Now().Add(away)
	hears("when it has just gone")
	assert.Equal(t, "200 degraded", readiness(t, c.web))
	slowest := time.Duration(0)
	for time.Now().Before(over) {
		slowest = max(slowest, hears(fmt.Sprintf("%s before it is back", time.Until(over).Round(time.Second))))
		time.Sleep(time.Second) // time without Redis
	}
	t.Logf("the slowest message was stored in %s before, in %s without Redis", before, slowest)
	startRedis(t, address)
	hears("when it is back")
	require.Eventually(t, func() bool { return readiness(t, c.web) == "200 ok" }, 15*time.Second, 100*time.Millisecond)
	c.settle(t)
	c.judge(t)
	code, _, err := c.server.Term()
	require.NoError(t, err)
	assert.Zero(t, code)
	c.verifyStore(t)
}

// readiness returns the status code and the state of /readyz, or the error.
func readiness(t *testing.T, s *client.Server) string {
	t.Helper()
	resp, err := s.HTTP.Get(s.URL + "/readyz") //nolint:noctx // the client has a time-out
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var state struct{ Status string }
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		return err.Error()
	}
	return fmt.Sprint(resp.StatusCode, " ", state.Status)
}
