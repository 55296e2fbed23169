package rpc

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// readyName is the health service's name for "everything that this process needs is there". The empty name,
// by which callers choose servers, says only that the process answers: while the database is away, a server
// that can say so is better than none.
const readyName = "ready"

// ableName says the same, and goes on saying so while the server is about to stop, since what its services
// need is there until the last call. Callers ask for ableName, probes for readyName.
const ableName = "able"

// wholeName is the health service's name for "nothing is missing", not even a dependency without which this
// process goes on.
const wholeName = "whole"

// errNotWhole is the error of Whole when the server answers.
var errNotWhole = errors.New("it answers that it goes on without something")

// errNotReady is the error of Ready when the server answers.
var errNotReady = errors.New("it answers that something that it needs is not there")

// SetReady sets whether everything is there that the services need. Until the first call the server is not
// ready.
func (s *Server) SetReady(ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(ableName, ready)
	s.set(readyName, ready && !s.leaving)
}

// Leave marks the server as about to stop: from now on probes hear that it is not ready, whatever SetReady
// says. It still takes calls: callers hear of the stop only when the server drains, and until then Conn.Ready
// goes by SetReady alone.
func (s *Server) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
	s.set(readyName, false)
}

// SetWhole sets whether nothing is missing, not even a dependency without which the services go on.
func (s *Server) SetWhole(whole bool) { s.set(wholeName, whole) }

func (s *Server) set(name string, so bool) {
	state := healthpb.HealthCheckResponse_NOT_SERVING
	if so {
		state = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(name, state)
}

// Ready asks one server whether it has what it needs; nil: it does.
func (c *Conn) Ready(ctx context.Context) error {
	health := healthpb.NewHealthClient(c)
	resp, err := health.Check(ctx, &healthpb.HealthCheckRequest{Service: ableName})
	if status.Code(err) == codes.NotFound { // an older version, or SetReady was not called yet
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

// Whole asks one server whether nothing is missing there; nil: nothing is. A server whose SetWhole was not
// called, as in older versions, counts as whole.
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
