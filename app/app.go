// Package app assembles a GoChat process from the other packages of this repository: it holds the settings,
// connects to the servers that they name, and starts the requested roles.
//
// The command gochat calls [Serve]. A Go program embeds GoChat with [New] and [App.Run], and replaces parts of
// GoChat by its own with [Option] values.
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

// App is GoChat, or some of its roles, in this process. Its exported methods are safe for concurrent use.
type App struct {
	cfg      *Config
	asked    []string // names of roles
	roles    roleSet
	given    *zap.Logger   // of WithLogger; nil: the log is opened from the settings
	verifier auth.Verifier // nil: tokens are checked by auth.keys
	program  *program      // nil: another program embeds GoChat
	ran      atomic.Bool
	ready    chan struct{} // closed once every role has started

	name  string // shown to people; the instance id of this process's services in the registry
	slot  string // part of the names of its outboxes; no other process has the same one
	log   *zap.Logger
	lines prometheus.Collector // counts the lines of the log
	stack *lifecycle.Stack

	settings *reloader
	logLevel *logLevel
	heard    chan os.Signal
	tracing  *obs.Tracing

	started    atomic.Bool
	leaving    atomic.Bool  // the process is about to stop
	leads      atomic.Bool  // this process is the janitor's leader
	listener   net.Listener // of the gateway
	calling    net.Listener // of the services
	operating  net.Listener // of ops.listen; nil: ops.listen is empty
	dir        *dataDir     // nil: nothing is embedded
	secrets    secrets
	metrics    *prometheus.Registry
	checks     *health.Checks
	pulse      *health.Pulse
	recent     *obs.Recent // the last warnings and errors of the log
	meter      *status.Meter
	everywhere *status.Everywhere
	begun      time.Time
	members    atomic.Pointer[registry.Members] // all processes; nil: every role is in this process
	server     *rpc.Server                      // of the services; nil: nobody calls this process
	gateway    *gateway.Gateway                 // nil: the role gateway is not in this process
	registry   *registry.Registry               // nil: every role is in this process
	ids        *idgen.Generator

	// local calls the services of this process only; calls reaches those of other processes as well.
	local   *rpc.Local
	calls   grpc.ClientConnInterface
	limits  grpc.ClientConnInterface // calls for the shared rate limits, through the breaker of guardLimits
	queue   queue
	routing routers.Deps
	repo    *repo.Repo
	logic   *routers.Logic
	roster  *roster.Roster // nil until a role calls groupMembers
}

// New returns an App with every role, or with those of WithRoles. It copies and validates cfg, and opens no file
// and no connection. It returns an error for an unknown role, for a configuration that Config.Validate refuses,
// and for roles that CheckRoles refuses.
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

// Run starts GoChat and blocks until ctx is done or a part fails. Then it finishes the work that it has accepted
// and stops every part; that takes ops.drain_delay (only when ctx is done) plus at most Config.StopTimeout. Run
// returns nil when ctx ended it and every part stopped in time. A second Run returns ErrRan.
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

// openLog opens the log that the settings describe, or wraps the logger of WithLogger in the settings' level and
// sampling.
func (a *App) openLog() (*obs.Log, error) {
	if a.given != nil {
		return a.cfg.Log.Around(a.given)
	}
	return a.cfg.Log.Open(a.program.logsTo())
}

// prepare makes the log, the lifecycle stack and the reloader, which every step of start uses.
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
	a.logLevel = &logLevel{log: a.log, level: log.Level, configured: a.cfg.Log.Level}
}

// Ready returns a channel that is closed once every role has started: from then on the gateway accepts
// connections at Addr. When the start fails, the channel stays open and Run returns the error.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Addr returns the address on which the gateway listens, with the port that was chosen where gateway.listen has
// port 0. It is nil before Ready is closed, and without the role gateway.
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

// URL returns the gateway's address for clients on this machine, http://host:port; "" while Addr is nil.
func (a *App) URL() string {
	if a.Addr() == nil {
		return ""
	}
	return urlOf(a.listener)
}
