package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/idgen"
	"github.com/gochat/gochat/infra/registry"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
)

// services says which role answers for a service.
var services = map[string]string{
	pb.MessageRepo_ServiceDesc.ServiceName: roleRepo, pb.ConversationRepo_ServiceDesc.ServiceName: roleRepo,
	pb.UserRepo_ServiceDesc.ServiceName: roleRepo, pb.GroupRepo_ServiceDesc.ServiceName: roleRepo,
	pb.SessionRepo_ServiceDesc.ServiceName: roleRepo, pb.FeedRepo_ServiceDesc.ServiceName: roleRepo,
	pb.SearchRepo_ServiceDesc.ServiceName: roleRepo, pb.LimitRepo_ServiceDesc.ServiceName: roleRepo,
	pb.DeviceRepo_ServiceDesc.ServiceName: roleRepo, pb.ReceiptRepo_ServiceDesc.ServiceName: roleRepo,
	pb.PresenceRepo_ServiceDesc.ServiceName: roleRepo, pb.PoisonRepo_ServiceDesc.ServiceName: roleRepo,
	pb.RetentionRepo_ServiceDesc.ServiceName: roleRepo,

	pb.AuthService_ServiceDesc.ServiceName: roleLogic, pb.UserService_ServiceDesc.ServiceName: roleLogic,
	pb.ConversationService_ServiceDesc.ServiceName: roleLogic, pb.MessageService_ServiceDesc.ServiceName: roleLogic,
	pb.GroupService_ServiceDesc.ServiceName: roleLogic, pb.SearchService_ServiceDesc.ServiceName: roleLogic,
	pb.DeviceService_ServiceDesc.ServiceName: roleLogic, pb.ReceiptService_ServiceDesc.ServiceName: roleLogic,
	pb.PresenceService_ServiceDesc.ServiceName: roleLogic,
}

// openDir takes the data directory when something in this process is embedded.
func (a *app) openDir(context.Context) (err error) {
	keys := a.has(roleLogic) && len(a.cfg.Auth.Keys) == 0
	if !keys && a.cfg.MQ.Driver != DriverLog && (!a.has(roleRepo) || a.cfg.DB.Driver == db.MySQL) {
		return nil
	}
	if a.dir, err = OpenDataDir(a.cfg.DataDir); err != nil {
		return err
	}
	a.stack.Push("data directory", func(context.Context) error { return a.dir.Close() })
	database := ""
	if a.has(roleRepo) && a.cfg.DB.Driver != db.MySQL {
		database = a.cfg.DBPath(a.dir.path)
	}
	a.metrics.MustRegister(newDataSizes(a.dir.path, database))
	if keys {
		a.secrets, err = a.dir.secrets()
	}
	return err
}

// openRegistry joins the registry, when there is one, and gets this process's
// worker id.
func (a *app) openRegistry(ctx context.Context) (err error) {
	if !a.cfg.Registry.Enabled() {
		if err := a.nameAlone(); err != nil {
			return err
		}
		if a.ids, err = idgen.New(idgen.Config{Worker: a.cfg.WorkerID}); err == nil {
			a.metrics.MustRegister(idMetrics(a.ids)...)
		}
		return err
	}
	if a.registry, err = registry.Open(ctx, a.cfg.Registry, a.log); err != nil {
		return err
	}
	a.stack.Push("registry", func(context.Context) error { return a.registry.Close() })
	a.checks.AddSoft("registry", a.registry.Health)
	if err := a.claimNames(ctx); err != nil {
		return err
	}
	if !a.has(roleLogic) && !a.has(roleMessage) {
		return nil // no ids are made here
	}
	worker, err := a.registry.ClaimWorkerID(ctx, 1023, a.name)
	if err != nil {
		return err
	}
	a.stack.Push("worker id", func(context.Context) error { return worker.Close() })
	if a.ids, err = idgen.New(idgen.Config{Lease: worker.Current}); err != nil {
		return err
	}
	a.metrics.MustRegister(append(idMetrics(a.ids), leaseMetric(worker.Deadline))...)
	return nil
}

// openCalls makes the way to the services: to those of this process, and by the
// registry to those of others.
func (a *app) openCalls(context.Context) error {
	caller := rpc.WithCaller(strings.Join(a.roles, ",") + "/" + a.name)
	a.local = rpc.NewLocal(rpc.WithLog(a.log), caller)
	remotes := map[string]grpc.ClientConnInterface{}
	for _, name := range []string{roleRepo, roleLogic} {
		if a.has(name) || a.registry == nil || name == roleLogic && !a.has(RoleGateway) {
			continue
		}
		conn, err := rpc.Dial(registry.Scheme+":///"+name, a.cfg.RPC, rpc.WithLog(a.log), rpc.WithMetrics(a.metrics),
			caller, rpc.WithResolver(a.registry.Resolver()))
		if err != nil {
			return err
		}
		a.stack.Push("calls to "+name, func(context.Context) error { return conn.Close() })
		a.checks.Add(name, serving(conn))
		for service, role := range services {
			if role == name {
				remotes[service] = conn
			}
		}
	}
	a.calls = rpc.WithTimeout(rpc.Route(a.local, remotes), a.cfg.RPC.CallTimeout)
	return a.guardLimits()
}

// serving asks a service whether it is ready; what it goes on without, this process does
// with less of, too.
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

// guardLimits makes the way to what all processes count together, which each does
// without when it does not answer.
func (a *app) guardLimits() error {
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

// serves reports whether other processes call services of this one.
func (a *app) serves() bool {
	return a.cfg.Registry.Enabled() && (a.has(roleRepo) || a.has(roleLogic))
}

func (a *app) openRepo(ctx context.Context) error {
	if !a.has(roleRepo) {
		return nil
	}
	cfg := a.cfg.Config
	if cfg.DB.Driver != db.MySQL {
		cfg.DB.Path = a.cfg.DBPath(a.dir.path)
	}
	if a.registry != nil {
		gateways, err := a.registry.Members(RoleGateway)
		if err != nil {
			return err
		}
		a.stack.Push("list of gateways", func(context.Context) error { gateways.Close(); return nil })
		cfg.Gateways = gateways.IDs
	}
	r, err := repo.Open(ctx, cfg, a.log)
	if err != nil {
		return err
	}
	a.repo = r
	a.stack.Push("store", r.Close)
	a.tune(func(c *Config) error { r.SetSlowQuery(c.DB.SlowQuery); return nil })
	if err := a.followIDs(ctx); err != nil {
		return err
	}
	r.Register(a.local)
	a.metrics.MustRegister(r)
	a.checks.AddGroup(r.Health)
	return nil
}

// followIDs makes ids greater than those that are stored: a clock that was set back before
// this start would make some of them again. With a registry, the worker id's lease keeps
// such times apart.
func (a *app) followIDs(ctx context.Context) error {
	if a.registry != nil {
		return nil
	}
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	newest, err := a.repo.NewestID(ctx)
	if err != nil {
		return err
	}
	if behind := a.ids.After(newest); behind > 0 {
		a.log.Warn("the clock is behind what is stored: it was set back, or the data is from a machine whose clock is ahead; "+
			"new ids go on after the newest one", zap.Duration("behind", behind))
	}
	return nil
}

// startServices opens this process's services to others, once they are there.
func (a *app) startServices(ctx context.Context) error {
	if !a.serves() {
		return nil
	}
	server, err := rpc.NewServer(a.cfg.RPC, a.log, rpc.WithMetrics(a.metrics))
	if err != nil {
		return err
	}
	if a.has(roleRepo) {
		a.repo.Register(server)
	}
	if a.has(roleLogic) {
		a.logic.Mount(server)
	}
	a.server = server
	a.stack.Go("services", func(ctx context.Context) error { return server.Serve(ctx, a.calling) })
	a.stack.Go("readiness", func(ctx context.Context) error { return a.tellReady(ctx, server) })
	address, err := a.cfg.RPC.AdvertiseAddr(a.calling.Addr())
	if err != nil {
		return err
	}
	for _, name := range []string{roleRepo, roleLogic} {
		if !a.has(name) {
			continue
		}
		reg, err := a.registry.Register(ctx, name, registry.Instance{ID: a.name, Address: address})
		if err != nil {
			return err
		}
		a.stack.Push("registration of "+name, func(context.Context) error { return reg.Close() })
	}
	return nil
}

// callable reports whether others may call this process. A database that takes no
// writes is no reason against it: it is the same one for all, and reads go on.
func callable(answers map[string]error) bool {
	for _, err := range answers {
		if err != nil && !errors.Is(err, health.ErrDegraded) && !errors.Is(err, db.ErrNotWritable) {
			return false
		}
	}
	return true
}

// tellReady keeps the health service's word for readiness up to date.
func (a *app) tellReady(ctx context.Context, server *rpc.Server) error {
	const every = time.Second
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	was := false
	for {
		answers := a.checks.Refresh(ctx)
		if a.leaving.Load() { // what callers need is there until the end
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
