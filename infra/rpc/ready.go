package rpc

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// readyName is the health service's name for "all that this process needs is
// there". The empty name, by which callers choose servers, says only that it
// answers: a server whose database is away tells so better than no server at all.
const readyName = "ready"

// ableName says the same, and goes on saying it while the server is about to stop: callers ask it,
// since what they need is there until the last call. Probes ask readyName.
const ableName = "able"

// wholeName is the health service's name for "nothing is missing", not even what this
// process goes on without.
const wholeName = "whole"

// errNotWhole is what Whole finds.
var errNotWhole = errors.New("it answers that it goes on without something")

// errNotReady is what Ready finds when the server answers.
var errNotReady = errors.New("it answers that something that it needs is not there")

// SetReady tells those who ask whether everything is there that the services need.
// Until it is called a server is not ready.
func (s *Server) SetReady(ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(ableName, ready)
	s.set(readyName, ready && !s.leaving)
}

// Leave says that the server is about to stop: probes hear from now on that it is not ready,
// whatever SetReady says. It still takes calls; those who choose servers are told at the drain,
// and Conn.Ready finds no fault with it until then.
func (s *Server) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
	s.set(readyName, false)
}

// SetWhole tells those who ask whether nothing is missing, not even what the services go
// on without.
func (s *Server) SetWhole(whole bool) { s.set(wholeName, whole) }

func (s *Server) set(name string, so bool) {
	state := healthpb.HealthCheckResponse_NOT_SERVING
	if so {
		state = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(name, state)
}

// Ready asks one server whether it has what it needs; its answer is in the error.
func (c *Conn) Ready(ctx context.Context) error {
	health := healthpb.NewHealthClient(c)
	resp, err := health.Check(ctx, &healthpb.HealthCheckRequest{Service: ableName})
	if status.Code(err) == codes.NotFound { // of an older version, or before it has said anything
		resp, err = health.Check(ctx, &healthpb.HealthCheckRequest{Service: readyName})
	}
	if err != nil {
		return fmt.Errorf("ask %s whether it is ready: %w", c.target, err)
	}
	if resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s: %w", c.target, errNotReady)
	}
	return nil
}

// Whole asks one server whether nothing is missing there. A server that has not said so
// yet, as an older version never does, counts as whole.
func (c *Conn) Whole(ctx context.Context) error {
	resp, err := healthpb.NewHealthClient(c).Check(ctx, &healthpb.HealthCheckRequest{Service: wholeName})
	if status.Code(err) == codes.NotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask %s whether anything is missing: %w", c.target, err)
	}
	if resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s: %w", c.target, errNotWhole)
	}
	return nil
}
