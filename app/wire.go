// Package app makes a process of the rooms of the house: it has the settings, opens the servers
// that the settings name, and starts the roles that are asked for.
package app

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/app/status"
	"github.com/gochat/gochat/gateway"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/idgen"
	"github.com/gochat/gochat/infra/lifecycle"
	"github.com/gochat/gochat/infra/obs"
	"github.com/gochat/gochat/infra/registry"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/routers"
)

// app is a process while it starts: the one place that knows all rooms.
type app struct {
	cfg   *Config
	roles []string
	name  string // for people, and what its services are registered by
	slot  string // the name that its outboxes have, and that no other process has
	log   *zap.Logger
	lines prometheus.Collector // of the log
	stack *lifecycle.Stack

	settings *reloader
	loudness *loudness
	heard    chan os.Signal
	tracing  *obs.Tracing

	started    atomic.Bool
	leaving    atomic.Bool  // the process is about to stop
	leads      atomic.Bool  // this process does the chores that one does for all
	listener   net.Listener // of the gateway
	calling    net.Listener // of the services
	operating  net.Listener // of ops.listen; nil: it is off
	dir        *dataDir     // nil: nothing is embedded
	secrets    secrets
	metrics    *prometheus.Registry
	checks     *health.Checks
	pulse      *health.Pulse
	recent     *obs.Recent // lines of the log
	meter      *status.Meter
	everywhere *status.Everywhere
	begun      time.Time
	members    atomic.Pointer[registry.Members] // all processes; nil: there is one
	server     *rpc.Server                      // of the services; nil: nobody calls this process
	gateway    *gateway.Gateway                 // nil: it is not in this process
	registry   *registry.Registry               // nil: every role is in this process
	ids        *idgen.Generator

	// local are the services of this process; calls reaches those of others as well.
	local   *rpc.Local
	calls   grpc.ClientConnInterface
	limits  grpc.ClientConnInterface // what is counted for all processes together, or by each while that is away
	queue   queue
	routing routers.Deps
	repo    *repo.Repo
	logic   *routers.Logic
}

// start brings everything up, in the order in which it is needed. Nothing on the
// disk is touched before the address is ours, nothing in the data directory
// before it is.
func (a *app) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		a.nameProcess, a.hearSignals, a.openAddresses, a.openDir, a.openObservation, a.openRegistry, a.openCalls, a.openRepo, a.openQueue, a.openControl,
		a.startLogic, a.startServices, a.startRouters, a.startJanitor, a.startFeed, a.startGateway, a.listProcess, a.watchSettings, a.listenToSignals,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	a.stack.Go("memory", giveMemoryBack)
	a.started.Store(true)
	return nil
}

// openAddresses takes the addresses, so that a taken one changes nothing.
func (a *app) openAddresses(ctx context.Context) (err error) {
	take := func(address, setting, env string) (net.Listener, error) {
		ln, err := listen(ctx, address, "--"+setting+" or "+env)
		if err == nil {
			a.stack.Push("address "+address, func(context.Context) error { return ignoreClosed(ln.Close()) })
		}
		return ln, err
	}
	if a.has(RoleGateway) {
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

// ignoreClosed: whoever serves a listener closes it when it ends.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// service names the process's traces by its roles; the one that has all is gochat.
func (a *app) service() obs.Service {
	s := obs.Service{Name: "gochat", Instance: a.name, Version: ThisBuild().version, Roles: a.roles}
	if !a.whole() {
		s.Name += "-" + strings.Join(a.roles, "-")
	}
	return s
}

func (a *app) openObservation(ctx context.Context) (err error) {
	if a.tracing, err = obs.StartTracing(ctx, a.cfg.Trace, a.service(), a.log); err != nil {
		return err
	}
	a.stack.Push("tracing", a.tracing.Stop)
	a.tune(func(c *Config) error {
		a.tracing.SetSampling(c.Trace.Sampling)
		return a.loudness.configure(c.Log.Level)
	})
	return nil
}
