package kafka_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
)

const (
	// childPrefix names the topics to which the test binary, run again as a child,
	// publishes until it is ended.
	childPrefix = "GOCHAT_TEST_KAFKA_OUTBOX_CHILD"
	childRound  = "GOCHAT_TEST_KAFKA_OUTBOX_ROUND"
	childBytes  = "GOCHAT_TEST_KAFKA_OUTBOX_BYTES"
	// aTransaction is the longest in which a child may stand still.
	aTransaction = time.Second
)

var childTopics = []string{"one", "two", "three"}

// TestOutboxChild is no test: it is the child. It prints the calls that were
// confirmed, and "fenced".
func TestOutboxChild(t *testing.T) {
	prefix := os.Getenv(childPrefix)
	if prefix == "" {
		return
	}
	cfg := config(t)
	cfg.TransactionTimeout = aTransaction
	tr, err := kafka.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	out, err := tr.Outbox(prefix + "out")
	require.NoError(t, err)
	bytes, err := strconv.Atoi(os.Getenv(childBytes))
	require.NoError(t, err)
	var mu sync.Mutex
	say := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what)
	}
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for n := 1; ; n++ {
				id := fmt.Sprintf("call-%s.%d.%d", os.Getenv(childRound), c, n)
				var all []mq.Outbound
				for i := range 6 {
					one := to(prefix+childTopics[i%3], id)
					one.Message.Payload = make([]byte, bytes)
					all = append(all, one)
				}
				switch err := out.Publish(context.Background(), all...); {
				case err == nil:
					say(id)
				case errors.Is(err, mq.ErrFenced):
					say("fenced")
					time.Sleep(50 * time.Millisecond) // not a flood
				}
			}
		})
	}
	callers.Wait()
}

// child runs the test binary again.
type child struct {
	cmd   *exec.Cmd
	lines chan string
}

func startChild(t *testing.T, prefix string, round, bytes int) child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOutboxChild$") //nolint:gosec // itself
	cmd.Env = append(os.Environ(), childPrefix+"="+prefix, fmt.Sprintf("%s=%d", childRound, round), fmt.Sprintf("%s=%d", childBytes, bytes))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := child{cmd: cmd, lines: make(chan string, 1<<16)}
	go func() {
		defer close(c.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			c.lines <- scan.Text()
		}
	}()
	return c
}

// await reads until a line is as wanted.
func (c child) await(t *testing.T, what string, wanted func(line string) bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-c.lines:
			require.True(t, ok, "the child ended")
			if wanted(line) {
				return
			}
		case <-limit:
			require.FailNow(t, "the child does not say: "+what)
		}
	}
}

// kill ends the child at once, and returns the lines that it had printed.
func (c child) kill(t *testing.T) (said []string) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Kill())
	for line := range c.lines {
		said = append(said, line)
	}
	require.Error(t, c.cmd.Wait())
	require.Equal(t, -1, c.cmd.ProcessState.ExitCode(), "it was killed and did not end by itself")
	return said
}

func confirmed(line string) bool { return strings.HasPrefix(line, "call-") }

// TestAllOrNoneOverKill kills a process in the middle of its transactions, again and again. The successor
// with the same id ends the transaction that was left open.
func TestAllOrNoneOverKill(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	for _, name := range childTopics {
		r.topic(t, name)
	}
	sure := map[string]bool{}
	for round := range 5 {
		c := startChild(t, r.prefix, round, 100)
		for range 5 { // it works, however little time the machine has for it
			c.await(t, "a call", func(line string) bool {
				if confirmed(line) {
					sure[line] = true
				}
				return confirmed(line)
			})
		}
		time.Sleep(rand.N(150 * time.Millisecond)) // any moment
		for _, line := range c.kill(t) {
			if confirmed(line) {
				sure[line] = true
			}
		}
	}
	r.outbox(t, "out")

	seen := map[string]map[string]int{} // of each call, by topic
	for _, name := range childTopics {
		ids, _ := committed(t, r.cfg, r, r.prefix+name)
		for _, id := range ids {
			if seen[id] == nil {
				seen[id] = map[string]int{}
			}
			seen[id][name]++
		}
	}
	for id := range sure {
		assert.NotEmpty(t, seen[id], "%s was confirmed, and is not there", id)
	}
	for id, by := range seen {
		assert.Equal(t, map[string]int{"one": 2, "two": 2, "three": 2}, by, "a part of %s is there", id)
	}
}

// TestWhoStoodStillGoesOn stops a process for longer than its transaction may last: the coordinator ends the
// transaction, but the process keeps its id.
func TestWhoStoodStillGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	for _, name := range childTopics {
		r.topic(t, name)
	}
	c := startChild(t, r.prefix, 0, 100_000) // so that most of the time a transaction is open
	defer c.kill(t)
	for range 3 {
		c.await(t, "a call", confirmed)
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
		time.Sleep(3 * aTransaction) // the coordinator looks once a second
		drain(c.lines)
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
		c.await(t, "a call after it stood still", func(line string) bool {
			require.NotEqual(t, "fenced", line)
			return confirmed(line)
		})
	}
}

// TestAZombieIsTold stops a process and begins another one with its name: the first must not take the name
// back when it wakes up.
func TestAZombieIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, config(t))
	for _, name := range childTopics {
		r.topic(t, name)
	}
	c := startChild(t, r.prefix, 0, 100)
	defer c.kill(t)
	c.await(t, "a call", confirmed)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
	newer := r.outbox(t, "out")
	require.NoError(t, newer.Publish(t.Context(), to(r.prefix+"one", "newer")))
	drain(c.lines)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
	c.await(t, "fenced", func(line string) bool { return line == "fenced" })
	for range 20 {
		// On a machine with no time for it a transaction may outlive its own timeout.
		require.Eventually(t, func() bool {
			err := newer.Publish(t.Context(), to(r.prefix+"one", "newer"))
			require.NotErrorIs(t, err, mq.ErrFenced)
			return err == nil
		}, time.Minute, 10*time.Millisecond)
	}
}

// drain returns the lines that a stopped child had printed.
func drain(lines <-chan string) {
	for quiet := time.NewTimer(50 * time.Millisecond); ; quiet.Reset(50 * time.Millisecond) {
		select {
		case <-lines:
		case <-quiet.C:
			return
		}
	}
}
