package cli

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/tests/client"
)

// asProgram is the environment variable that makes this test binary run as gochat.
const asProgram = "GOCHAT_TEST_AS_PROGRAM"

// program is gochat as a process of its own, which can be sent signals.
type program struct {
	cmd            *exec.Cmd
	stdout, stderr syncBuffer
	done           chan error
}

// ending bounds every wait of these tests; only a test that fails takes so long.
const ending = time.Minute

func launch(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(os.Args[0], args...), done: make(chan error, 1)} //nolint:gosec // this test itself
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "GOCHAT_LOG_FORMAT=console")
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	require.NoError(t, p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	p.waitFor(t, &p.stdout, "  open  http://")
	return p
}

func (p *program) waitFor(t *testing.T, in *syncBuffer, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(in.String(), text) }, ending, 5*time.Millisecond,
		"%q is not in what was said: %s", text, p.stderr.String())
}

func (p *program) address(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`open  http://(\S+)`).FindStringSubmatch(p.stdout.String())
	require.Len(t, found, 2)
	return found[1]
}

// register makes a user and returns the token.
func register(t *testing.T, address string) string {
	t.Helper()
	s := client.New("http://" + address)
	defer s.Close()
	somebody, err := s.Register(t.Context(), "somebody", "a long password")
	require.NoError(t, err)
	return somebody.Token
}

// lockDatabase takes the embedded database's write lock, and returns what lets it go.
func lockDatabase(t *testing.T, dir string) (unlock func()) {
	t.Helper()
	other, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "gochat.db")+"?_txlock=immediate&_busy_timeout=60000")
	require.NoError(t, err)
	tx, err := other.BeginTx(context.WithoutCancel(t.Context()), nil)
	require.NoError(t, err)
	unlock = sync.OnceFunc(func() { assert.NoError(t, errors.Join(tx.Rollback(), other.Close())) })
	t.Cleanup(unlock)
	return unlock
}

// send posts a message and returns the trace id of the answer.
func send(ctx context.Context, address, token string) (traceID string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/messages",
		strings.NewReader(`{"conversationId": "world", "content": "hello", "messageType": "text", "tempMessageId": "t1"}`))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	return resp.Header.Get("X-Trace-Id"), resp.Body.Close()
}

// TestSecondInterruptEndsAtOnce: the first signal waits for a message that is not stored
// yet, the second one does not.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	p := launch(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0", "--gateway-drain-timeout", "10m", "--gateway-send-timeout", "10m")
	token := register(t, p.address(t))
	lockDatabase(t, dir)
	go func() { _, _ = send(t.Context(), p.address(t), token) }() // waits for its outcome
	p.waitFor(t, &p.stderr, "retrying a run")

	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	p.waitFor(t, &p.stderr, "stopping: what is accepted is finished first")
	select {
	case <-p.done:
		t.Fatal("it did not wait for what was accepted")
	default:
	}
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-p.done:
		p.done <- err
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		status, _ := exit.Sys().(syscall.WaitStatus)
		assert.True(t, status.Signaled(), "it ended by the signal, not by a stop: %v", err)
	case <-time.After(ending):
		t.Fatal("it goes on")
	}
}

// TestStopHasTimeForEachPart: StopTimeout covers the configured drain timeouts of all parts.
func TestStopHasTimeForEachPart(t *testing.T) {
	cfg := app.DefaultConfig()
	cfg.Gateway.DrainTimeout, cfg.Router.DrainTimeout, cfg.RPC.DrainTimeout = 5*time.Minute, time.Minute, 2*time.Minute
	assert.Greater(t, cfg.StopTimeout(), 8*time.Minute)
}

// TestConfigurationIsReadAgain: SIGHUP applies the settings that need no restart and names the
// others; an invalid file changes nothing.
func TestConfigurationIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "gochat.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("log:\n  level: warn\n")
	p := launch(t, "--config", file, "--data-dir", filepath.Join(dir, "data"), "--gateway-listen", "127.0.0.1:0")

	write("log:\n  level: debug\ntrace:\n  sampling: 0.5\ngateway:\n  ping_interval: 20s\n")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.waitFor(t, &p.stderr, `"changed": ["log.level", "trace.sampling"]}`)
	p.waitFor(t, &p.stderr, `{"from": "warn", "to": "debug"}`)
	p.waitFor(t, &p.stderr, `"settings": ["gateway.ping_interval"]}`)

	write("log:\n  level: error\ngateway:\n  ping_interval: -1s\n")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.waitFor(t, &p.stderr, "gateway.ping_interval -1s")
	assert.NotContains(t, p.stderr.String(), `"to": "error"`)
}

// TestLogLevelSteps: each SIGUSR1 makes the log more verbose, and after the most verbose level comes the least.
func TestLogLevelSteps(t *testing.T) {
	t.Parallel()
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0")
	for _, step := range []string{
		`{"from": "info", "to": "debug"}`, `{"from": "debug", "to": "error"}`, `{"from": "error", "to": "warn"}`, `{"from": "warn", "to": "info"}`,
	} {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGUSR1))
		p.waitFor(t, &p.stderr, step)
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		var stdout, stderr syncBuffer
		require.Zero(t, run(t.Context(), args, &stdout, &stderr), stderr.String())
		assert.Regexp(t, `^gochat \S+ \(revision \S+, go1\.\S+, \w+/\w+\)\n$`, stdout.String())
	}
	b := boot(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "  open  http://")
	url := regexp.MustCompile(`http://\S+`).FindString(b.stdout.String())
	resp, err := http.Get(url + "/metrics") //nolint:noctx // a test
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Regexp(t, `gochat_build_info\{environment="",go="go1\.[^"]+",revision="[^"]+",version="[^"]+"\} 1`, string(text))
}
