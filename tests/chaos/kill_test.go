package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

const talkers = 16

// town is a server and the clients that talk on it.
type town struct {
	server  *Server
	web     *client.Server
	clients []*Talker
	stop    context.CancelFunc
	running sync.WaitGroup
}

// newTown starts a server, with env added to its environment, and registers clients: each
// sends to two other clients, to world and to a group of all.
func newTown(t *testing.T, env ...string) *town {
	t.Helper()
	return newTownIn(t, t.TempDir()+"/data", env...)
}

// newTownIn is newTown with the data directory data.
func newTownIn(t *testing.T, data string, env ...string) *town {
	t.Helper()
	c := &town{server: newServer(t, data, env...)}
	c.start(t)
	c.web = client.New(c.server.URL())
	t.Cleanup(c.web.Close)
	accounts := make([]*client.Account, talkers)
	for i := range accounts {
		var err error
		accounts[i], err = c.web.Register(t.Context(), fmt.Sprintf("talker%02d", i), "a password")
		require.NoError(t, err)
	}
	group, err := Gather(t.Context(), "everybody", accounts)
	require.NoError(t, err)
	for i, a := range accounts {
		c.clients = append(c.clients, NewTalker(a, []Target{
			{ReceiverID: accounts[(i+1)%talkers].UserID},
			{ReceiverID: accounts[(i+talkers-1)%talkers].UserID},
			{ConversationID: "world"},
			group,
		}))
	}
	return c
}

// newServer builds a server and does not start it. Its output is logged when the test fails.
func newServer(t *testing.T, data string, env ...string) *Server {
	t.Helper()
	bin, err := Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	address, err := FreeAddress()
	require.NoError(t, err)
	s := &Server{Binary: bin, DataDir: data, Address: address, Env: env}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", tail(s.Output(), 8000))
		}
	})
	return s
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func (c *town) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, c.server.Start(ctx))
}

func (c *town) talk(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c.stop = cancel
	for _, one := range c.clients {
		c.running.Go(func() { one.Run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		c.running.Wait()
	})
}

// settle waits until every send has an outcome, lets every client pull everything, and stops the clients.
func (c *town) settle(t *testing.T) {
	t.Helper()
	for _, one := range c.clients {
		one.Hush()
	}
	require.Eventually(t, func() bool {
		for _, one := range c.clients {
			if one.Pending() > 0 {
				return false
			}
		}
		return true
	}, 30*time.Second, 20*time.Millisecond, "sends without an outcome")
	for _, one := range c.clients {
		require.NoError(t, one.Sync(t.Context()))
	}
	c.stop()
	c.running.Wait()
}

// judge reads the histories and fails the test for every violation.
func (c *town) judge(t *testing.T) {
	t.Helper()
	logs, truth, wrong, err := Observe(t.Context(), c.clients)
	require.NoError(t, err)
	t.Logf("%d messages in %d conversations", truth.Messages(), len(truth.Histories))
	require.Positive(t, truth.Messages(), "no message was stored between the kills: let it run more rounds (GOCHAT_TEST_KILL_ROUNDS)")
	violations := append(wrong, Judge(logs, truth)...)
	for _, v := range violations[:min(20, len(violations))] {
		t.Error(v)
	}
	assert.Empty(t, len(violations), "violations")
}

// verifyStore runs "gochat verify" on the data directory.
func (c *town) verifyStore(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), c.server.Binary, "verify", "--data-dir", c.server.DataDir).CombinedOutput() //nolint:gosec // built above
	require.NoError(t, err, string(out))
	t.Logf("verify: %s", strings.TrimSpace(string(out)))
}

func killRounds(t *testing.T) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("GOCHAT_TEST_KILL_ROUNDS")); err == nil {
		return n
	}
	if testing.Short() {
		return 3
	}
	return 8
}

// TestKillNine kills the server at random moments under load. No stored or accepted
// message may be lost or stored twice, no number may be missing, and every client has
// to have every message in the end.
func TestKillNine(t *testing.T) {
	c := newTown(t)
	c.talk(t)
	rounds := killRounds(t)
	for round := range rounds {
		time.Sleep(time.Duration(50+rand.IntN(550)) * time.Millisecond) // the load before the blow
		require.NoError(t, c.server.Kill())
		c.start(t)
		if (round+1)%10 == 0 {
			t.Logf("%d of %d kills", round+1, rounds)
		}
	}
	time.Sleep(300 * time.Millisecond) // some load after the last start
	c.settle(t)
	c.judge(t)
	code, took, err := c.server.Term()
	require.NoError(t, err)
	assert.Zero(t, code)
	t.Logf("stopped in %s", took)
	c.verifyStore(t)
	assert.NotContains(t, c.server.Output(), "panic:")
	assert.NotContains(t, c.server.Output(), "DATA RACE")
}

// TestTermUnderLoad sends SIGTERM under load: the server ends within 30 s with exit code 0,
// tells the clients different delays for their reconnects, and loses nothing.
func TestTermUnderLoad(t *testing.T) {
	c := newTown(t)
	c.talk(t)
	time.Sleep(500 * time.Millisecond) // some load
	code, took, err := c.server.Term()
	require.NoError(t, err)
	assert.Zero(t, code, "exit code")
	assert.Less(t, took, 30*time.Second)
	delays := map[time.Duration]bool{}
	for _, one := range c.clients {
		for _, reason := range one.Closes() {
			assert.True(t, strings.HasPrefix(reason, "1012 "), reason)
			if d, ok := RetryAfter(reason); ok {
				delays[d] = true
			}
		}
	}
	assert.Greater(t, len(delays), talkers/2, "clients do not all come back at once")
	c.start(t)
	time.Sleep(200 * time.Millisecond) // some load
	c.settle(t)
	c.judge(t)
	_, _, err = c.server.Term()
	require.NoError(t, err)
	c.verifyStore(t)
}
