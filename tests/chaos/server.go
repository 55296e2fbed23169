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

// Build compiles gochat into the directory dir and returns the path of the program.
func Build(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	bin := filepath.Join(dir, "gochat")
	args := []string{"build", "-buildvcs=false", "-o", bin} // git refuses a checkout that another user owns
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
// data and the same address. Output and Write are safe for concurrent use.
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

// Ports of FreeAddress are below those of outgoing connections (from 32768 on Linux,
// from 49152 elsewhere): such a connection could take the port before the process that
// is to listen there has started, or while it restarts. They are above the ports of
// deploy/local.
const (
	firstPort = 26000
	portCount = 6000
)

// nextPort counts up from a random port, so that a test gets no port twice and tests in
// different processes rarely get the same one.
var nextPort = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(portCount)) //nolint:gosec // no secret: it keeps tests side by side apart
	return &n
}()

// FreeAddress returns an address on loopback on which nobody listens. It returns the
// same one again only after all others. Safe for concurrent use.
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

// URL returns the URL of the server's gateway.
func (s *Server) URL() string { return "http://" + s.Address }

// Write appends output of the process for Output.
func (s *Server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// Output returns the output of all processes of this Server so far.
func (s *Server) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Begin starts the process and does not wait until it is ready.
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

// Start starts the process and waits until it is ready. When ctx is done before, it kills
// the process and returns an error.
func (s *Server) Start(ctx context.Context) error {
	if err := s.Begin(); err != nil {
		return err
	}
	if err := s.Await(ctx); err != nil {
		return errors.Join(err, s.Kill())
	}
	return nil
}

// Await waits until /readyz answers 200, or returns an error when ctx is done before.
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

// Kill ends the process at once (SIGKILL) and waits for its end.
func (s *Server) Kill() error {
	if err := s.Strike(); err != nil {
		return err
	}
	s.Bury()
	return nil
}

// Strike sends SIGKILL without waiting: the process may end only once a call to a disk returns. Bury waits for the
// end.
func (s *Server) Strike() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the server: %w", err)
	}
	return nil
}

// Bury waits for the end of the process after Strike.
func (s *Server) Bury() { _ = s.cmd.Wait() } // the error only says that the process was killed

// Term sends SIGTERM, waits for the end of the process, and returns its exit code and the time that it took.
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
