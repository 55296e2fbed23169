package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/app"
)

// syncBuffer is a buffer that a running process writes to and a test reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// booted is a program that runs in the test's process until stop, which returns the exit code.
type booted struct {
	stdout, stderr syncBuffer
	cancel         context.CancelFunc
	code           chan int
}

func boot(t *testing.T, args ...string) *booted {
	t.Helper()
	b := &booted{code: make(chan int, 1)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	b.cancel = cancel
	go func() { b.code <- run(ctx, args, &b.stdout, &b.stderr) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-b.code:
		case <-time.After(ending):
			t.Error("the program did not stop")
		}
	})
	return b
}

func (b *booted) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(b.stdout.String(), text) }, ending, 5*time.Millisecond,
		"stderr: %s", b.stderr.String())
}

// snapshot returns the content of every file under dir, by path.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[path] = string(data)
		return err
	}))
	return out
}

func TestStartSaysWhereItIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on the way")
	b := boot(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "http://127.0.0.1:")
	assert.Contains(t, b.stdout.String(), dir)
	info, err := os.Stat(filepath.Join(dir, "secrets.json"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

// wrongStart has the words of a start that fails, and what its last line has to say.
type wrongStart struct {
	prepare func(t *testing.T, dir string) (args []string)
	want    []string
}

// wrongStarts are given an address that is taken and one where nobody listens.
func wrongStarts(taken, nobody string) map[string]wrongStart {
	return map[string]wrongStart{
		"the port is taken": {func(_ *testing.T, dir string) []string {
			return []string{"--data-dir", dir, "--gateway-listen", taken}
		}, []string{taken, "taken", "--gateway-listen"}},
		"the directory is a file": {func(t *testing.T, dir string) []string {
			t.Helper()
			file := filepath.Join(dir, "file")
			require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
			return []string{"--data-dir", file}
		}, []string{"data directory", "--data-dir"}},
		"the database is something else": {func(t *testing.T, dir string) []string {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "gochat.db"), bytes.Repeat([]byte("not a database. "), 1000), 0o600))
			return []string{"--data-dir", dir}
		}, []string{"damaged", "gochat.db"}},
		"the message log is something else": {func(t *testing.T, dir string) []string {
			t.Helper()
			require.NoError(t, os.Mkdir(filepath.Join(dir, "queue"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "queue", "wal-meta.db"), []byte("nonsense"), 0o600))
			return []string{"--data-dir", dir}
		}, []string{"damaged", "queue"}},
		"another process has the data": {func(t *testing.T, dir string) []string {
			t.Helper()
			d, err := app.OpenDataDir(dir)
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, d.Close()) })
			return []string{"--data-dir", dir}
		}, []string{"in use", "--data-dir"}},
		"no Kafka": {func(_ *testing.T, dir string) []string {
			return []string{"--data-dir", dir, "--mq-driver", "kafka", "--mq-kafka-brokers", nobody}
		}, []string{nobody, "mq.kafka.brokers"}},
		"no Redis streams": {func(_ *testing.T, dir string) []string {
			return []string{"--data-dir", dir, "--mq-driver", "redisstream", "--mq-redisstream-addrs", nobody}
		}, []string{nobody, "mq.redisstream.addrs"}},
		"no Redis": {func(_ *testing.T, dir string) []string {
			return []string{"--data-dir", dir, "--kv-addrs", nobody}
		}, []string{nobody, "kv.addrs"}},
		"no database": {func(t *testing.T, dir string) []string {
			t.Helper()
			t.Setenv("GOCHAT_DB_DSN", "somebody:hunter2@tcp("+nobody+")/gochat")
			return []string{"--data-dir", dir, "--db-driver", "mysql"}
		}, []string{nobody, "db.dsn"}},
		"no etcd": {func(_ *testing.T, dir string) []string {
			return []string{"--data-dir", dir, "--registry-endpoints", nobody, "--registry-dial-timeout", "1s"}
		}, []string{nobody, "registry.endpoints"}},
		"a certificate that is not there": {func(_ *testing.T, dir string) []string {
			file := filepath.Join(dir, "nowhere.pem")
			return []string{"--data-dir", dir, "--rpc-tls-ca", file, "--rpc-tls-cert", file}
		}, []string{"rpc.tls.key"}},
		"a setting makes no sense": {func(_ *testing.T, dir string) []string {
			return []string{"--data-dir", dir, "--gateway-ping-interval", "-1s"}
		}, []string{"gateway.ping_interval"}},
	}
}

// TestStartErrors: a start that fails prints one sentence, exits with code 1 and changes
// no file.
func TestStartErrors(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	b := boot(t, "--data-dir", whole, "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "http://")
	b.cancel()
	b.code <- <-b.code

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()

	// The listener at this address was closed, so the port is free.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := free.Addr().String()
	require.NoError(t, free.Close())

	for name, c := range wrongStarts(ln.Addr().String(), nobody) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			args := c.prepare(t, dir)
			if !strings.Contains(strings.Join(args, " "), "--gateway-listen") {
				args = append(args, "--gateway-listen", "127.0.0.1:0")
			}
			before := snapshot(t, dir)
			var stdout, stderr syncBuffer
			ctx, cancel := context.WithTimeout(t.Context(), ending)
			defer cancel()
			require.Equal(t, 1, run(ctx, args, &stdout, &stderr))
			require.NoError(t, ctx.Err(), "it ended by itself")
			said := stderr.String()
			lines := strings.Split(strings.TrimSpace(said), "\n")
			last := lines[len(lines)-1]
			assert.NotContains(t, said, "hunter2")
			assert.True(t, strings.HasPrefix(last, "gochat: "), said)
			for _, w := range c.want {
				assert.Contains(t, last, w)
			}
			after := snapshot(t, dir)
			for path, data := range before {
				assert.Equal(t, data, after[path], "%s was changed", path)
			}
		})
	}
}

func TestWordsThatTheCommandLineDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{{"dance"}, {"--no-such-flag"}, {"gateway"}, {"verify", "extra"}} {
		var stdout, stderr syncBuffer
		code := run(t.Context(), args, &stdout, &stderr)
		assert.NotZero(t, code, fmt.Sprint(args))
		assert.NotEmpty(t, stderr.String())
	}
}

func TestHelpTeaches(t *testing.T) {
	var stdout, stderr syncBuffer
	require.Zero(t, run(t.Context(), []string{"--help"}, &stdout, &stderr))
	for _, w := range []string{"gochat", "--data-dir", "--gateway-listen", "gateway", "message", "verify", "loadtest"} {
		assert.Contains(t, stdout.String(), w)
	}
}

func TestConfigPrintsEverySettingButNoSecret(t *testing.T) {
	t.Setenv("GOCHAT_KV_PASSWORD", "hunter2hunter2")
	var stdout, stderr syncBuffer
	require.Zero(t, run(t.Context(), []string{"config"}, &stdout, &stderr), stderr.String())
	for _, w := range []string{"gateway.listen", "GOCHAT_GATEWAY_LISTEN", "GOCHAT_DATA_DIR", "GOCHAT_LIMITS_AUTH_PER_MINUTE"} {
		assert.Contains(t, stdout.String(), w)
	}
	assert.NotContains(t, stdout.String(), "hunter2")
}

func TestVerifyNeedsAStore(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr syncBuffer
	require.Equal(t, 1, run(t.Context(), []string{"verify", "--data-dir", dir}, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "there is no store")
	assert.Empty(t, snapshot(t, dir), "looking made nothing")
}
