package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Running returns the URLs of the servers under test: those of GOCHAT_TEST_URL (several
// with commas), or that of a server that it builds and starts with env added to its
// environment. stop ends the server that was started, and returns an error when its exit
// code is not 0 or it panicked.
func Running(env ...string) (urls []string, stop func() error, err error) {
	if urls := os.Getenv("GOCHAT_TEST_URL"); urls != "" {
		return strings.Split(urls, ","), func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "gochat-test-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory for a server: %w", err)
	}
	server, err := start(dir, env)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return []string{server.URL()}, func() error {
		defer func() { _ = os.RemoveAll(dir) }()
		exit, _, err := server.Term()
		if exit != 0 || strings.Contains(server.Output(), "panic:") {
			err = errors.Join(err, fmt.Errorf("the server did not stop well: exit code %d\n%s", exit, server.Output()))
		}
		return err
	}, nil
}

func start(dir string, env []string) (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	bin, err := Build(ctx, dir)
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	s := &Server{Binary: bin, DataDir: dir + "/data", Address: address, Env: env}
	return s, s.Start(ctx)
}
