// Package app makes a process of the rooms of the house: it has the settings, opens the servers
// that the settings name, and starts the roles that are asked for.
//
// [Serve] is the command gochat. A Go program embeds GoChat with [New] and [App.Run], and gives it parts of its
// own by options.
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
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/app/status"
	"github.com/gochat/gochat/gateway"
	"github.com/gochat/gochat/handlers/auth"
	"github.com/gochat/gochat/handlers/roster"
	"github.com/gochat/gochat/infra/conf"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/idgen"
	"github.com/gochat/gochat/infra/lifecycle"
	"github.com/gochat/gochat/infra/obs"
	"github.com/gochat/gochat/infra/registry"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/routers"
)

// ErrRan is returned by a second Run of an App.
var ErrRan = errors.New("this App was run before; make another one")

// App is GoChat, or some roles of it, in this process: the one place that knows all rooms.
type App struct {
	cfg      *Config
	asked    []string // names of roles
	roles    roleSet
	given    *zap.Logger   // nil: the log is the settings' own
	verifier auth.Verifier // nil: tokens are checked by auth.keys
	program  *program      // nil: another program embeds this
	ran      atomic.Bool
	ready    chan struct{} // closed: it has started

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
	roster  *roster.Roster // of members; nil: no role has asked for it
}

// New returns GoChat with every role, or those of WithRoles. It looks at the configuration and touches nothing
// yet; cfg is the caller's to change afterwards.
func New(cfg *Config, opts ...Option) (*App, error) {
	own := *cfg
	a := &App{cfg: &own, asked: []string{roleAll}, ready: make(chan struct{})}
	for _, opt := range opts {
		opt(a)
	}
	names, err := ParseRoles([]string{strings.Join(a.asked, ",")})
	if err != nil {
		return nil, err
	}
	a.roles = rolesOf(names)
	if err := a.cfg.Validate(); err != nil {
		return nil, err
	}
	if err := CheckRoles(names, a.cfg); err != nil {
		return nil, err
	}
	return a, nil
}

// Run starts GoChat and goes on until ctx is done or a part fails. Then it finishes what it has accepted and
// stops every part, which takes ops.drain_delay and at most Config.StopTimeout. It returns nil after a stop
// that ctx asked for. An App runs once.
func (a *App) Run(ctx context.Context) (err error) {
	if a.ran.Swap(true) {
		return ErrRan
	}
	log, err := a.openLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	a.prepare(ctx, log)
	defer func() { err = errors.Join(err, a.stack.Stop(a.cfg.StopTimeout())) }()
	if err := a.start(ctx); err != nil {
		return Explain(err)
	}
	close(a.ready)
	if err := a.greet(time.Since(a.begun)); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		err := a.leave()
		a.log.Info("stopping: what is accepted is finished first")
		return err
	case err := <-a.stack.Failed():
		return err
	}
}

// openLog is the log of the settings, or the given one as far as the settings let it speak.
func (a *App) openLog() (*obs.Log, error) {
	if a.given != nil {
		return a.cfg.Log.Around(a.given)
	}
	return a.cfg.Log.Open(a.program.logsTo())
}

// prepare makes what the steps of the start work with.
func (a *App) prepare(ctx context.Context, log *obs.Log) {
	loaded, load := &conf.Loaded{}, Loader(nil)
	if a.program != nil {
		loaded, load = a.program.loaded, a.program.load
	}
	if len(loaded.Unknown) > 0 {
		log.Warn("these environment variables name no setting; \"gochat config\" lists them all",
			zap.String("variables", strings.Join(loaded.Unknown, " ")))
	}
	a.recent = obs.NewRecent()
	a.log = log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return zapcore.NewTee(c, a.recent) }))
	a.lines, a.stack, a.begun = log.Lines(), lifecycle.New(ctx), time.Now()
	a.settings = newReloader(a.cfg, loaded, a.roles.names(), load, a.log)
	a.loudness = &loudness{log: a.log, level: log.Level, configured: a.cfg.Log.Level}
}

// Ready is closed once every role has started: the gateway takes connections, and Addr says where. It stays
// open when the start fails, of which Run's error tells.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Addr is where the gateway listens, which of gateway.listen with port 0 is not known before. It is nil
// before Ready, and without the role gateway.
func (a *App) Addr() net.Addr {
	select {
	case <-a.ready:
	default:
		return nil
	}
	if a.listener == nil {
		return nil
	}
	return a.listener.Addr()
}

// URL is the gateway's address for clients on this machine, http://host:port; "" where Addr is nil.
func (a *App) URL() string {
	if a.Addr() == nil {
		return ""
	}
	return urlOf(a.listener)
}
