package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/registry"
	"github.com/gochat/gochat/infra/rpc"
)

// openCalls makes the connection by which roles call services: directly when the service is in this process,
// else by gRPC to a process that the registry names.
func (a *App) openCalls(context.Context) error {
	caller := rpc.WithCaller(strings.Join(a.roles.names(), ",") + "/" + a.name)
	a.local = rpc.NewLocal(rpc.WithLog(a.log), caller)
	remotes := map[string]grpc.ClientConnInterface{}
	for _, r := range roles().providers() {
		if a.roles.has(r.name) || a.registry == nil || !a.roles.call(r.name) {
			continue
		}
		conn, err := rpc.Dial(registry.Scheme+":///"+r.name, a.cfg.RPC, rpc.WithLog(a.log), rpc.WithMetrics(a.metrics),
			caller, rpc.WithResolver(a.registry.Resolver()))
		if err != nil {
			return err
		}
		a.stack.Push("calls to "+r.name, func(context.Context) error { return conn.Close() })
		a.checks.Add(r.name, serving(conn))
		for _, service := range r.provides {
			remotes[service.ServiceName] = conn
		}
	}
	a.calls = rpc.WithTimeout(rpc.Route(a.local, remotes), a.cfg.RPC.CallTimeout)
	return a.guardLimits()
}

// serving checks a role of other processes: down when that role is not ready, degraded when it is ready but goes
// on without one of its own dependencies.
func serving(conn *rpc.Conn) health.Check {
	return func(ctx context.Context) error {
		if err := conn.Ready(ctx); err != nil {
			return err
		}
		if err := conn.Whole(ctx); err != nil {
			return fmt.Errorf("%w: %w", health.ErrDegraded, err)
		}
		return nil
	}
}

// guardLimits puts a breaker before the calls for the shared rate limits: when repo does not answer, calls fail at
// once, and each process counts by itself until a probe is answered.
func (a *App) guardLimits() error {
	guard, err := rpc.NewGuard(a.calls, rpc.GuardConfig{
		Timeout: a.cfg.Limits.SharedTimeout, Pause: time.Second,
		Probe: func(ctx context.Context, conn grpc.ClientConnInterface) error {
			_, err := pb.NewLimitRepoClient(conn).HasMarks(ctx, &pb.HasMarksRequest{Keys: []string{"probe"}})
			return err
		},
	})
	if err != nil {
		return err
	}
	a.stack.Push("limits", func(context.Context) error { return guard.Close() })
	a.tune(func(c *Config) error { guard.SetTimeout(c.Limits.SharedTimeout); return nil })
	a.limits = guard
	return nil
}
