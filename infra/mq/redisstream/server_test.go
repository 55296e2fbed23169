package redisstream

import (
	"bufio"
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

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// server is a Redis that a test may hurt. It listens on a socket in the file system.
type server struct {
	dir  string
	args []string
	cmd  *exec.Cmd
}

func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_LOCAL") == "" {
		t.Skip("set GOCHAT_TEST_LOCAL=1 to start a redis-server, and hurt it")
	}
	dir, err := os.MkdirTemp("", "redis") // a socket's path must be short
	require.NoError(t, err)
	s := &server{dir: dir, args: args}
	s.start(t)
	t.Cleanup(func() {
		s.kill(t)
		require.NoError(t, os.RemoveAll(dir))
	})
	return s
}

func (s *server) addr() string { return filepath.Join(s.dir, "sock") }

func (s *server) start(t *testing.T) {
	t.Helper()
	args := append([]string{"--port", "0", "--unixsocket", s.addr(), "--dir", s.dir, "--save", ""}, s.args...)
	s.cmd = exec.CommandContext(context.Background(), "redis-server", args...)
	require.NoError(t, s.cmd.Start())
	rdb := redis.NewClient(&redis.Options{Network: "unix", Addr: s.addr()})
	defer func() { require.NoError(t, rdb.Close()) }()
	require.Eventually(t, func() bool {
		return rdb.Ping(t.Context()).Err() == nil
	}, 10*time.Second, 10*time.Millisecond)
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Kill())
	require.Error(t, s.cmd.Wait())
}

func (s *server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(sig))
}

// open connects with short times.
func (s *server) open(t *testing.T, change func(*Config)) *Transport {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Addrs, cfg.Lease, cfg.Timeout, cfg.PublishTimeout = []string{s.addr()}, 2*time.Second, time.Second, 3*time.Second
	if change != nil {
		change(&cfg)
	}
	tr, err := Open(t.Context(), cfg, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// impostor answers INFO with what it is told to, and nothing else.
func impostor(t *testing.T, info string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn, info)
		}
	}()
	return l.Addr().String()
}

// answer reads commands, in the protocol's own form: an array of strings.
func answer(conn net.Conn, info string) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	line := func() string {
		text, _ := in.ReadString('\n')
		return strings.TrimSpace(text)
	}
	for {
		n, err := strconv.Atoi(strings.TrimPrefix(line(), "*"))
		if err != nil {
			return
		}
		words := make([]string, n)
		for i := range words {
			line() // its length
			words[i] = line()
		}
		if strings.EqualFold(words[0], "info") {
			_, err = fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(info), info)
		} else {
			_, err = fmt.Fprint(conn, "-ERR unknown command\r\n")
		}
		if err != nil {
			return
		}
	}
}
