package app

import (
	"context"
	"errors"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/registry"
	"github.com/gochat/gochat/infra/rpc"
)

// serves reports whether this process has services that other processes can call.
func (a *App) serves() bool {
	return a.cfg.Registry.Enabled() && len(a.roles.providers()) > 0
}

// openServices serves this process's services to other processes and registers their address. The roles that
// provide them have started before.
func (a *App) openServices(ctx context.Context) error {
	if !a.serves() {
		return nil
	}
	server, err := rpc.NewServer(a.cfg.RPC, a.log, rpc.WithMetrics(a.metrics))
	if err != nil {
		return err
	}
	for _, r := range a.roles.providers() {
		r.mount(a, server)
	}
	a.server = server
	a.stack.Go("services", func(ctx context.Context) error { return server.Serve(ctx, a.calling) })
	a.stack.Go("readiness", func(ctx context.Context) error { return a.tellReady(ctx, server) })
	address, err := a.cfg.RPC.AdvertiseAddr(a.calling.Addr())
	if err != nil {
		return err
	}
	for _, r := range a.roles.providers() {
		reg, err := a.registry.Register(ctx, r.name, registry.Instance{ID: a.name, Address: address})
		if err != nil {
			return err
		}
		a.stack.Push("registration of "+r.name, func(context.Context) error { return reg.Close() })
	}
	return nil
}

// callable reports whether other processes should call this one. A database that takes no
// writes does not matter: all processes share the database, and reads still work.
func callable(answers map[string]error) bool {
	for _, err := range answers {
		if err != nil && !errors.Is(err, health.ErrDegraded) && !errors.Is(err, db.ErrNotWritable) {
			return false
		}
	}
	return true
}

// tellReady asks the checks every second and passes the result on to callers of the services.
func (a *App) tellReady(ctx context.Context, server *rpc.Server) error {
	const every = time.Second
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	was := false
	for {
		answers := a.checks.Refresh(ctx)
		if a.leaving.Load() { // a process that is leaving still answers calls until its drain
			answers = maps.Clone(answers)
			delete(answers, ownStart)
		}
		ready := callable(answers)
		if ready != was {
			a.log.Info("readiness has changed", zap.Bool("ready", ready))
		}
		server.SetReady(ready)
		server.SetWhole(health.Summarize(answers).Status == health.WordOK)
		was = ready
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
