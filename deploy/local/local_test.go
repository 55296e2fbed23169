// Package local_test checks that the scripts in this folder do what their help says.
package local_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// directory is the directory and the base port of one test's servers.
type directory struct {
	t    *testing.T
	path string
	base int
}

// newDirectory skips the test unless it may start servers.
func newDirectory(t *testing.T) directory {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_LOCAL") == "" {
		t.Skip("set GOCHAT_TEST_LOCAL=1 to start and kill servers of deploy/local")
	}
	d := directory{t, filepath.Join(t.TempDir(), "a b"), freeBase(t)} // a blank in the path must do no harm
	t.Cleanup(func() {
		_, err := d.try("down", "--wipe")
		assert.NoError(t, err)
	})
	return d
}

// freeBase returns a base port that is free together with the 99 above it, below the
// ports of outgoing connections and apart from those of other tests.
func freeBase(t *testing.T) int {
	t.Helper()
	for base := 25000; base >= 20000; base -= 100 {
		free := true
		for port := base; free && port < base+90; port++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			free = err == nil && l.Close() == nil
		}
		if free {
			return base
		}
	}
	require.FailNow(t, "no hundred of ports from 20000 to 25099 is free")
	return 0
}

func (d directory) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args = append([]string{"--dir", d.path, "--base-port", strconv.Itoa(d.base)}, args...)
	out, err := exec.CommandContext(ctx, "./local", args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (d directory) do(args ...string) string {
	d.t.Helper()
	out, err := d.try(args...)
	require.NoError(d.t, err, "%v: %s", args, out)
	return out
}

// refused runs a command that must fail and returns its output.
func (d directory) refused(args ...string) string {
	d.t.Helper()
	out, err := d.try(args...)
	require.Error(d.t, err, "%v: %s", args, out)
	return out
}

// states returns the state of each process in the output of status.
func (d directory) states() map[string]string {
	d.t.Helper()
	states := map[string]string{}
	for line := range strings.Lines(d.do("status")) {
		if f := strings.Fields(line); len(f) == 3 {
			states[f[0]] = f[1]
		}
	}
	return states
}

func (d directory) redis(offset int, args ...string) string {
	d.t.Helper()
	args = append([]string{"-p", strconv.Itoa(d.base + offset)}, args...)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "redis-cli", args...).CombinedOutput()
	require.NoError(d.t, err, "%v: %s", args, out)
	return strings.TrimSpace(string(out))
}

func TestUpTwiceChangesNothing(t *testing.T) {
	d := newDirectory(t)
	d.do("up", "redis", "stream", "etcd")
	before := d.do("status")
	d.do("up", "redis", "stream", "etcd")
	assert.Equal(t, before, d.do("status"))
	assert.Equal(t, map[string]string{"redis": "running", "stream": "running", "etcd": "running"}, d.states())
}

func TestKillAndStart(t *testing.T) {
	d := newDirectory(t)
	d.do("up", "stream")
	pid := d.do("pid", "stream")
	d.redis(21, "set", "k", "kept")
	for _, end := range []string{"kill", "stop"} {
		d.do(end, "stream")
		assert.Equal(t, "dead", d.states()["stream"], end)
		assert.Contains(t, d.refused(end, "stream"), "stream does not run")
		d.do("start", "stream")
		assert.Equal(t, "kept", d.redis(21, "get", "k"), end)
	}
	assert.NotEqual(t, pid, d.do("pid", "stream"))
	d.do("kill", "stream")
	d.do("up", "stream")
	assert.Equal(t, "kept", d.redis(21, "get", "k"), "up starts what is dead")
	assert.Contains(t, d.do("logs", "stream"), "Ready to accept connections")
}

func TestPauseAndResume(t *testing.T) {
	d := newDirectory(t)
	d.do("up", "redis", "stream")
	d.do("pause", "redis")
	assert.Equal(t, map[string]string{"redis": "paused", "stream": "running"}, d.states())
	assert.Contains(t, d.refused("up", "redis"), "redis is paused (wake it by: resume redis)")
	d.do("resume", "redis")
	assert.Equal(t, "running", d.states()["redis"])
	assert.Equal(t, "PONG", d.redis(20, "ping"))

	d.do("pause", "redis")
	d.do("stop", "redis")
	d.do("pause", "stream")
	d.do("down")
	assert.Empty(t, d.states())
}

func TestDownKeepsDataUnlessTold(t *testing.T) {
	d := newDirectory(t)
	d.do("up", "stream")
	d.redis(21, "set", "k", "kept")
	d.do("down")
	d.do("up", "stream")
	assert.Equal(t, "kept", d.redis(21, "get", "k"))

	theirs := filepath.Join(d.path, "somebody-else's")
	require.NoError(t, os.WriteFile(theirs, nil, 0o600))
	assert.Contains(t, d.do("down", "--wipe"), "is kept: there is more in it")
	assert.FileExists(t, theirs)
	require.NoError(t, os.Remove(theirs))
	d.do("up", "stream")
	assert.Empty(t, d.redis(21, "get", "k"))
	d.do("down", "--wipe")
	assert.NoDirExists(t, d.path)
	assert.Contains(t, d.do("down", "--wipe"), "nothing was started")
}

func TestPortTaken(t *testing.T) {
	d := newDirectory(t)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", d.base+20))
	require.NoError(t, err)
	defer l.Close()
	said := d.refused("up", "redis", "stream")
	assert.Contains(t, said, fmt.Sprintf("port %d for redis is taken by another program", d.base+20))
	assert.Contains(t, said, "did not start: redis")
	assert.Equal(t, map[string]string{"stream": "running"}, d.states())
}

// The PID in a pid file may have been given to another process since.
func TestStrangerIsNotHurt(t *testing.T) {
	d := newDirectory(t)
	d.do("up", "redis")
	d.do("kill", "redis")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stranger := exec.CommandContext(ctx, "sleep", "1000")
	require.NoError(t, stranger.Start())
	gone := make(chan error, 1)
	go func() { gone <- stranger.Wait() }()

	file := filepath.Join(d.path, "run", "redis.pid")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	_, began, ok := strings.Cut(string(content), " ")
	require.True(t, ok)
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "%d %s", stranger.Process.Pid, "1"+began), 0o600))
	assert.Equal(t, "dead", d.states()["redis"])
	assert.Contains(t, d.refused("kill", "redis"), "redis does not run")
	d.do("down")
	require.NoError(t, stranger.Process.Signal(syscall.Signal(0)), "it still runs")
	cancel()
	<-gone
}

func TestStartThatFails(t *testing.T) {
	d := newDirectory(t)
	d.do("up", "stream")
	d.do("stop", "stream")
	manifest := filepath.Join(d.path, "stream", "appendonlydir", "appendonly.aof.manifest")
	require.NoError(t, os.WriteFile(manifest, []byte("no manifest\n"), 0o600))
	said := d.refused("start", "stream")
	assert.Contains(t, said, "stream has ended; the end of "+d.path)
	assert.Contains(t, said, "manifest", "the end of its log")
}

func TestEnv(t *testing.T) {
	d := newDirectory(t)
	d.do("up", "stream", "etcd")
	out, err := exec.CommandContext(t.Context(), "bash", "-c", `eval "$1"; env`, "bash", d.do("env")).Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), fmt.Sprintf("GOCHAT_TEST_REDIS_STREAM_ADDR=127.0.0.1:%d\n", d.base+21))
	assert.Contains(t, string(out), fmt.Sprintf("GOCHAT_TEST_ETCD_ENDPOINTS=127.0.0.1:%d\n", d.base+50))
	ca := d.do("env", "kafka")
	out, err = exec.CommandContext(t.Context(), "bash", "-c", `eval "$1"; env`, "bash", ca).Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "GOCHAT_TEST_KAFKA_SASL_CA="+d.path+"/kafka/tls/ca.crt\n")
}

func TestRefusals(t *testing.T) {
	d := newDirectory(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"up", "kafak"}, "there is no service kafak; there are: kafka"},
		{[]string{"kill"}, "name a process"},
		{[]string{"kill", "kafak"}, "there is no process kafak"},
		{[]string{"kafka", "kafka-topic.sh"}, "there is no tool kafka-topic.sh; there are: kafka-consumer-groups.sh"},
		{[]string{"kill", "redis"}, "redis does not run"},
		{[]string{"logs", "redis"}, "redis was not started in"},
		{[]string{"down", "redis"}, "down stops everything"},
		{[]string{"dance"}, "unknown command dance"},
		{[]string{"--base-port", "80", "up", "redis"}, "the base port is 80 and must be from 1024 to 65400"},
		{[]string{"--base-port", "many", "up", "redis"}, "the base port is many"},
		{[]string{"--base-port"}, "--base-port needs a value"},
		{[]string{"--data", "x"}, "unknown option --data"},
	} {
		assert.Contains(t, d.refused(c.args...), c.says, c.args)
	}
	d.do("up", "redis")
	assert.Contains(t, d.refused("--base-port", strconv.Itoa(d.base+1), "status"), "was made with --base-port "+strconv.Itoa(d.base))
}

// Two commands at the same time have the same result as one after the other.
func TestUpAtTheSameTime(t *testing.T) {
	d := newDirectory(t)
	said := make(chan error, 4)
	for range cap(said) {
		go func() {
			out, err := d.try("up", "redis", "etcd")
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			said <- err
		}()
	}
	for range cap(said) {
		assert.NoError(t, <-said)
	}
	assert.Equal(t, map[string]string{"redis": "running", "etcd": "running"}, d.states())
}
