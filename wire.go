package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/gateway"
	"github.com/gochat/gochat/gateway/web"
	"github.com/gochat/gochat/handlers/auth"
	"github.com/gochat/gochat/handlers/conversation"
	"github.com/gochat/gochat/handlers/largegroup"
	"github.com/gochat/gochat/handlers/message"
	"github.com/gochat/gochat/handlers/user"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/idgen"
	"github.com/gochat/gochat/infra/lifecycle"
	"github.com/gochat/gochat/infra/mq"
	walog "github.com/gochat/gochat/infra/mq/log"
	"github.com/gochat/gochat/infra/mq/stream"
	"github.com/gochat/gochat/infra/obs"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/routers"
	"github.com/gochat/gochat/routers/middleware"
)

// callTimeout is for calls between roles whose caller has no deadline.
const callTimeout = 5 * time.Second

// app is a process while it starts: the one place that knows all rooms.
type app struct {
	cfg   *Config
	roles []string
	log   *zap.Logger
	stack *lifecycle.Stack

	listener net.Listener
	dir      *dataDir
	secrets  secrets
	registry *prometheus.Registry
	checks   *health.Checks
	ids      *idgen.Generator
	// calls reaches the services of this process.
	calls     grpc.ClientConnInterface
	local     *rpc.Local
	transport *stream.Stream
	routing   routers.Deps
}

// start brings everything up, in the order in which it is needed. Nothing on the
// disk is touched before the address is ours, nothing in the data directory
// before it is.
func (a *app) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		a.openAddress, a.openDir, a.openObservation, a.openRepo, a.openQueue, a.startLogic, a.startRouters, a.startGateway,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) openAddress(ctx context.Context) (err error) {
	if a.has("gateway") {
		if a.listener, err = listen(ctx, a.cfg.Gateway.Listen, "--gateway-listen or GOCHAT_GATEWAY_LISTEN"); err != nil {
			return err
		}
		a.stack.Push("address", func(context.Context) error { return ignoreClosed(a.listener.Close()) })
	}
	if a.cfg.Debug.Listen != "" {
		ln, err := listen(ctx, a.cfg.Debug.Listen, "--debug-listen or GOCHAT_DEBUG_LISTEN")
		if err != nil {
			return err
		}
		a.stack.Go("profiles", func(ctx context.Context) error { return serveDebug(ctx, ln) })
	}
	return nil
}

// ignoreClosed: the gateway closes its listener when it drains.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (a *app) openDir(context.Context) (err error) {
	if a.dir, err = openDataDir(a.cfg.DataDir); err != nil {
		return err
	}
	a.stack.Push("data directory", func(context.Context) error { return a.dir.close() })
	if a.secrets, err = a.dir.secrets(); err != nil {
		return err
	}
	a.ids, err = idgen.New(idgen.Config{Worker: a.cfg.WorkerID})
	return err
}

func (a *app) openObservation(ctx context.Context) error {
	a.registry = obs.NewMetrics()
	a.checks = health.New(2 * time.Second)
	a.local = rpc.NewLocal()
	a.calls = rpc.WithTimeout(a.local, callTimeout)
	stop, err := obs.StartTracing(ctx, a.cfg.Trace, "gochat")
	if err != nil {
		return err
	}
	a.stack.Push("tracing", stop)
	return nil
}

func (a *app) openRepo(ctx context.Context) error {
	if !a.has("repo") {
		return nil
	}
	cfg := a.cfg.Config
	cfg.DB.Path = a.cfg.dbPath(a.dir.path)
	r, err := repo.Open(ctx, cfg, a.log)
	if err != nil {
		return err
	}
	a.stack.Push("store", r.Close)
	r.Register(a.local)
	a.registry.MustRegister(r)
	for name := range r.Health(ctx) {
		a.checks.Add(name, func(ctx context.Context) error { return r.Health(ctx)[name] })
	}
	return nil
}

// openQueue opens the message log and makes the topics. Topics of gateways that
// lived before this process are deleted: this process has the log to itself, so
// none of them lives.
func (a *app) openQueue(ctx context.Context) (err error) {
	if a.transport, err = walog.Open(walog.Config{Dir: a.dir.file("queue")}, a.log); err != nil {
		return err
	}
	a.stack.Push("message log", func(context.Context) error { return a.transport.Close() })
	a.checks.Add("queue", a.transport.Health)
	a.registry.MustRegister(lagCollector{a.transport})
	var dead []string
	for _, t := range a.transport.Topics() {
		if _, of := contracts.GatewayOfTopic(t); of {
			dead = append(dead, t)
		}
	}
	if err := a.transport.Delete(ctx, dead...); err != nil {
		return fmt.Errorf("delete the topics of earlier gateways: %w", err)
	}
	topics := make([]mq.Topic, 0, 4)
	for _, name := range []string{contracts.TopicUpstream, contracts.TopicStored, contracts.TopicFanout, contracts.TopicPoison} {
		topics = append(topics, mq.Topic{Name: name, Partitions: 1})
	}
	if err := a.transport.Ensure(ctx, topics...); err != nil {
		return fmt.Errorf("make the topics: %w", err)
	}
	a.routing = routers.Deps{
		Transport: a.transport, Metrics: middleware.NewMetrics(a.registry), Log: a.log, Watermill: obs.Watermill(a.log),
	}
	return nil
}

func (a *app) startLogic(context.Context) error {
	if !a.has("logic") {
		return nil
	}
	out, err := routers.NewOutbox(a.transport, "logic")
	if err != nil {
		return err
	}
	notifier := routers.NewNotifier(pb.NewSessionRepoClient(a.calls), out)
	users, convs := pb.NewUserRepoClient(a.calls), pb.NewConversationRepoClient(a.calls)
	authCfg := a.cfg.Auth
	if len(authCfg.Keys) == 0 {
		authCfg.Keys, authCfg.ActiveKey = a.secrets.TokenKeys, a.secrets.ActiveKey
	}
	var l routers.Logic
	if l.Auth, err = auth.New(authCfg, auth.Deps{Accounts: users, Revocations: users, Notifier: notifier, IDs: a.ids}); err != nil {
		return err
	}
	if l.Users, err = user.New(user.Config{Limits: a.cfg.Limits.Limits}, users); err != nil {
		return err
	}
	l.Conversations, err = conversation.New(a.cfg.Conversation, conversation.Deps{
		Conversations: convs, Directory: convs, Members: pb.NewGroupRepoClient(a.calls), Notifier: notifier,
	})
	if err != nil {
		return err
	}
	if l.Messages, err = message.New(message.Config{Limits: a.cfg.Limits.Limits}, convs, pb.NewMessageRepoClient(a.calls)); err != nil {
		return err
	}
	l.Mount(a.local)
	return nil
}

func (a *app) startRouters(context.Context) error {
	sessions, groups := pb.NewSessionRepoClient(a.calls), pb.NewGroupRepoClient(a.calls)
	if a.has("fanout") {
		out, err := routers.NewOutbox(a.transport, "fanout")
		if err != nil {
			return err
		}
		r, err := routers.NewFanoutRouter(a.cfg.Router, a.routing, largegroup.New(groups, sessions, out))
		if err != nil {
			return err
		}
		a.stack.Go("fanout router", r.Run)
	}
	if !a.has("message") {
		return nil
	}
	out, err := routers.NewOutbox(a.transport, "message")
	if err != nil {
		return err
	}
	r, err := routers.NewMessageRouter(a.cfg.Router, a.routing, routers.Pipeline{
		Messages: pb.NewMessageRepoClient(a.calls), Conversations: pb.NewConversationRepoClient(a.calls),
		Groups: groups, Sessions: sessions, IDs: a.ids, Outbox: out,
	})
	if err != nil {
		return err
	}
	a.stack.Go("message router", r.Run)
	return nil
}

func (a *app) startGateway(ctx context.Context) error {
	if !a.has("gateway") {
		return nil
	}
	g, err := gateway.New(a.cfg.Gateway.Config, gateway.Deps{
		Auth: pb.NewAuthServiceClient(a.calls), Users: pb.NewUserServiceClient(a.calls),
		Conversations: pb.NewConversationServiceClient(a.calls), Messages: pb.NewMessageServiceClient(a.calls),
		Sessions: pb.NewSessionRepoClient(a.calls), Transport: a.transport,
		Log: a.log, Metrics: a.registry, Gatherer: a.registry, Health: a.checks.Run,
		Web: web.FS(), OpenAPI: contracts.OpenAPI, AsyncAPI: contracts.AsyncAPI, Limits: a.cfg.Limits.Limits,
	})
	if err != nil {
		return err
	}
	a.stack.Go("gateway", func(ctx context.Context) error { return g.Serve(ctx, a.listener) })
	select {
	case <-g.Ready():
		return nil
	case err := <-a.stack.Failed():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lagCollector shows how far each group is behind the message log's end.
type lagCollector struct{ log *stream.Stream }

var lagDesc = prometheus.NewDesc("gochat_queue_lag_entries",
	"Group commits in the message log beyond the group's low-water mark.", []string{"topic", "group"}, nil)

func (lagCollector) Describe(ch chan<- *prometheus.Desc) { ch <- lagDesc }

func (l lagCollector) Collect(ch chan<- prometheus.Metric) {
	for topic, groups := range l.log.Lag() {
		for group, lag := range groups {
			ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(lag), topic, group)
		}
	}
}
