package app

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/gochat/gochat/app/status"
	"github.com/gochat/gochat/infra/obs"
)

// start starts all parts, each after those that it uses. The addresses are opened before
// anything on the disk is changed, and the data directory is locked before anything in it
// is: a second process started by mistake fails without changing the first one's data.
func (a *App) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		a.nameProcess, a.hearSignals, a.openAddresses, a.openDir, a.openObservation, a.openRegistry, a.openCalls,
		a.startRoles(beforeQueue), a.openQueue, a.openControl, a.startRoles(beforeServices), a.openServices, a.startRoles(afterServices),
		a.listProcess, a.watchSettings, a.listenToSignals,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if a.program != nil {
		a.stack.Go("memory", giveMemoryBack)
	}
	a.started.Store(true)
	return nil
}

// startRoles returns a step that starts this process's roles of a phase. Roles of this process can call their
// services as soon as each has started.
func (a *App) startRoles(now phase) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, r := range a.roles {
			if r.begins != now {
				continue
			}
			if err := r.start(a, ctx); err != nil {
				return err
			}
			if r.mount != nil {
				r.mount(a, a.local)
			}
		}
		return nil
	}
}

// openAddresses opens all listeners of this process, so that a taken address ends the start before anything else
// is changed. It also makes the metrics and the checks, and serves ops.listen and debug.listen from now on.
func (a *App) openAddresses(ctx context.Context) (err error) {
	take := func(address, setting, env string) (net.Listener, error) {
		ln, err := listen(ctx, address, "--"+setting+" or "+env)
		if err == nil {
			a.stack.Push("address "+address, func(context.Context) error { return ignoreClosed(ln.Close()) })
		}
		return ln, err
	}
	if a.roles.has(RoleGateway) {
		if a.listener, err = take(a.cfg.Gateway.Listen, "gateway-listen", "GOCHAT_GATEWAY_LISTEN"); err != nil {
			return err
		}
	}
	if a.serves() {
		if a.calling, err = take(a.cfg.RPC.Listen, "rpc-listen", "GOCHAT_RPC_LISTEN"); err != nil {
			return err
		}
	}
	a.metrics = obs.NewMetrics()
	a.watchHealth()
	a.meter = status.NewMeter(a.metrics)
	a.everywhere = status.NewEverywhere(a.cfg.Ops.Token)
	a.stack.Push("status of all processes", func(context.Context) error { a.everywhere.Close(); return nil })
	a.metrics.MustRegister(buildMetric(a.cfg.Environment), states{a.checks}, a.settings.count, a.lines)
	if a.cfg.Ops.Listen != "" {
		ln, err := take(a.cfg.Ops.Listen, "ops-listen", "GOCHAT_OPS_LISTEN")
		if err != nil {
			return err
		}
		a.operating = ln
		a.stack.Go("operations", func(ctx context.Context) error { return serveHTTP(ctx, ln, a.operations(ln.Addr())) })
	}
	if a.cfg.Debug.Listen != "" {
		ln, err := take(a.cfg.Debug.Listen, "debug-listen", "GOCHAT_DEBUG_LISTEN")
		if err != nil {
			return err
		}
		a.stack.Go("profiles", func(ctx context.Context) error { return serveHTTP(ctx, ln, openProfiles(ln.Addr())) })
	}
	return nil
}

// ignoreClosed drops the error of closing a listener that its server has closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// service names this process in traces: gochat with all roles, else gochat-ROLE-ROLE….
func (a *App) service() obs.Service {
	s := obs.Service{Name: "gochat", Instance: a.name, Version: ThisBuild().version, Roles: a.roles.names()}
	if !a.roles.whole() {
		s.Name += "-" + strings.Join(s.Roles, "-")
	}
	return s
}

func (a *App) openObservation(ctx context.Context) (err error) {
	if a.tracing, err = obs.StartTracing(ctx, a.cfg.Trace, a.service(), a.log); err != nil {
		return err
	}
	a.stack.Push("tracing", a.tracing.Stop)
	a.tune(func(c *Config) error {
		a.tracing.SetSampling(c.Trace.Sampling)
		return a.logLevel.configure(c.Log.Level)
	})
	return nil
}
