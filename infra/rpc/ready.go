package rpc

import (
	"context"
	"errors"
	"fmt"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// readyName is the health service's name for "all that this process needs is
// there". The empty name, by which callers choose servers, says only that it
// answers: a server whose database is away tells so better than no server at all.
const readyName = "ready"

// errNotReady is what Ready finds when the server answers.
var errNotReady = errors.New("it answers that something that it needs is not there")

// SetReady tells those who ask whether everything is there that the services need.
// Until it is called a server is not ready.
func (s *Server) SetReady(ready bool) {
	state := healthpb.HealthCheckResponse_NOT_SERVING
	if ready {
		state = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(readyName, state)
}

// Ready asks one server whether it is ready; its answer is in the error.
func (c *Conn) Ready(ctx context.Context) error {
	resp, err := healthpb.NewHealthClient(c).Check(ctx, &healthpb.HealthCheckRequest{Service: readyName})
	if err != nil {
		return fmt.Errorf("ask %s whether it is ready: %w", c.target, err)
	}
	if resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s: %w", c.target, errNotReady)
	}
	return nil
}
