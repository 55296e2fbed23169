package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Build compiles the program of the module that dir is in and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	bin := filepath.Join(dir, "gochat")
	args := []string{"build", "-buildvcs=false", "-o", bin} // a checkout may belong to somebody else
	if raceDetector {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...) //nolint:gosec // all of it is ours
	cmd.Dir = strings.TrimSpace(string(out))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return bin, nil
}

// Server is a server process that can be killed and started again on the same
// data and the same address.
type Server struct {
	Binary  string
	DataDir string
	Address string
	// Env is added to the environment.
	Env []string

	mu  sync.Mutex
	cmd *exec.Cmd
	log bytes.Buffer
}

// Ports of FreeAddress are below those that systems give to outgoing connections
// (from 32768 on Linux, from 49152 elsewhere), which take a port while the process
// that it is meant for has not started or is being started again; and above those of
// deploy/local's servers.
const (
	firstPort = 26000
	portCount = 6000
)

// nextPort walks from a random place, so that a process is given no port twice.
var nextPort = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(portCount)) //nolint:gosec // no secret: it keeps tests side by side apart
	return &n
}()

// FreeAddress returns an address on loopback that nobody listens on right now and
// that it has not returned a short while ago. Safe for concurrent use.
func FreeAddress() (string, error) {
	for range portCount {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+int(nextPort.Add(1)%portCount)))
		ln, err := net.Listen("tcp", address) //nolint:noctx // it is closed at once
		if err != nil {
			continue
		}
		if err := ln.Close(); err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		return address, nil
	}
	return "", fmt.Errorf("find a free port: all from %d to %d are taken", firstPort, firstPort+portCount-1)
}

// URL is where clients go.
func (s *Server) URL() string { return "http://" + s.Address }

// Write takes the process's output; what it said is in Output.
func (s *Server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// Output is what all processes so far have printed.
func (s *Server) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Begin starts the process, and does not wait.
func (s *Server) Begin() error {
	s.cmd = exec.Command(s.Binary) //nolint:gosec,noctx // Kill and Term end it
	s.cmd.Env = append(os.Environ(), append([]string{
		"GOCHAT_DATA_DIR=" + s.DataDir, "GOCHAT_GATEWAY_LISTEN=" + s.Address,
		"GOCHAT_LIMITS_AUTH_PER_MINUTE=100000", "GOCHAT_AUTH_BCRYPT_COST=4",
	}, s.Env...)...)
	s.cmd.Stdout, s.cmd.Stderr = s, s
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	return nil
}

// Start begins the server and waits until it is ready, or until ctx is done.
func (s *Server) Start(ctx context.Context) error {
	if err := s.Begin(); err != nil {
		return err
	}
	if err := s.Await(ctx); err != nil {
		return errors.Join(err, s.Kill())
	}
	return nil
}

// Await waits until a server that was begun is ready, or until ctx is done.
func (s *Server) Await(ctx context.Context) error {
	for {
		if s.ready(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w\n%s", ctx.Err(), s.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Kill ends the process at once (SIGKILL).
func (s *Server) Kill() error {
	if err := s.Strike(); err != nil {
		return err
	}
	s.Bury()
	return nil
}

// Strike is the first half of Kill: the process executes nothing more. It may wait for a disk; Bury waits
// for its end.
func (s *Server) Strike() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the server: %w", err)
	}
	return nil
}

// Bury waits for the end of a process that was struck.
func (s *Server) Bury() { _ = s.cmd.Wait() } // it says that it was killed

// Term asks the process to stop and returns its exit code and how long it took.
func (s *Server) Term() (code int, took time.Duration, err error) {
	start := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, 0, fmt.Errorf("ask the server to stop: %w", err)
	}
	err = s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, 0, fmt.Errorf("wait for the server: %w", err)
	}
	return s.cmd.ProcessState.ExitCode(), time.Since(start), nil
}
