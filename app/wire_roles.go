package app

import (
	"context"
	"maps"
	"runtime"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/gateway"
	"github.com/gochat/gochat/gateway/web"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/announce"
	"github.com/gochat/gochat/handlers/auth"
	"github.com/gochat/gochat/handlers/authorize"
	"github.com/gochat/gochat/handlers/conversation"
	"github.com/gochat/gochat/handlers/device"
	"github.com/gochat/gochat/handlers/group"
	"github.com/gochat/gochat/handlers/hint"
	"github.com/gochat/gochat/handlers/janitor"
	"github.com/gochat/gochat/handlers/largegroup"
	"github.com/gochat/gochat/handlers/message"
	"github.com/gochat/gochat/handlers/presence"
	"github.com/gochat/gochat/handlers/receipt"
	"github.com/gochat/gochat/handlers/retention"
	"github.com/gochat/gochat/handlers/roster"
	"github.com/gochat/gochat/handlers/search"
	"github.com/gochat/gochat/handlers/user"
	"github.com/gochat/gochat/infra/registry"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/routers"
)

func (a *app) startLogic(context.Context) error {
	if !a.has(roleLogic) {
		return nil
	}
	out, err := routers.NewOutbox(a.routing, a.replica(roleLogic))
	if err != nil {
		return err
	}
	notifier := routers.NewNotifier(client.NewSessions(a.calls), out)
	users, convs := client.NewUsers(a.calls), client.NewConversations(a.calls)
	a.logic = &routers.Logic{}
	authentication, err := auth.New(a.withKeys(a.cfg.Auth), auth.Deps{
		Accounts: users, Revocations: users, Devices: client.NewDevices(a.calls), Notifier: notifier, IDs: a.ids, Limits: client.NewLimits(a.limits),
	})
	if err != nil {
		return err
	}
	people, err := user.New(user.Config{Limits: a.cfg.Limits.Limits}, users)
	if err != nil {
		return err
	}
	conversations, err := conversation.New(a.cfg.Conversation, conversation.Deps{
		Conversations: convs, Directory: convs, Members: client.NewGroups(a.calls), Notifier: notifier,
	})
	if err != nil {
		return err
	}
	messages, err := message.New(message.Config{Limits: a.cfg.Limits.Limits}, convs, client.NewMessages(a.calls))
	if err != nil {
		return err
	}
	groups := client.NewGroups(a.calls)
	grouping, err := group.New(a.cfg.Group, group.Deps{Groups: groups, Changes: groups, Announcer: announce.New(out), IDs: a.ids})
	if err != nil {
		return err
	}
	a.logic.Auth, a.logic.Users, a.logic.Conversations, a.logic.Messages, a.logic.Groups = authentication, people, conversations, messages, grouping
	a.tune(func(c *Config) error {
		people.SetLimits(c.Limits.Limits)
		messages.SetLimits(c.Limits.Limits)
		conversations.Configure(c.Conversation)
		grouping.Configure(c.Group)
		return authentication.Configure(a.withKeys(c.Auth))
	})
	if a.logic.Search, err = search.New(convs, client.NewSearch(a.calls)); err != nil {
		return err
	}
	if err := a.startPersonal(notifier); err != nil {
		return err
	}
	a.logic.Mount(a.local)
	return nil
}

// withKeys gives a configuration without keys those of the data directory.
func (a *app) withKeys(c auth.Config) auth.Config {
	if len(c.Keys) == 0 {
		c.Keys, c.ActiveKey = maps.Clone(a.secrets.TokenKeys), a.secrets.ActiveKey
	}
	return c
}

// startPersonal makes the services of devices, receipts and presence.
func (a *app) startPersonal(notifier *routers.Notifier) (err error) {
	if a.logic.Devices, err = device.New(client.NewDevices(a.calls), notifier); err != nil {
		return err
	}
	if a.logic.Receipts, err = receipt.New(client.NewReceipts(a.calls), notifier); err != nil {
		return err
	}
	a.logic.Presence, err = presence.New(client.NewPresence(a.calls), client.NewConversations(a.calls))
	return err
}

func (a *app) startRouters(context.Context) error {
	sessions, groups := client.NewSessions(a.calls), roster.New(client.NewGroups(a.calls))
	if a.has(roleFanout) || a.has(roleMessage) {
		a.metrics.MustRegister(rosterMetrics(groups)...)
	}
	if a.has(roleFanout) {
		out, err := routers.NewFollowUp(a.routing, a.replica(roleFanout))
		if err != nil {
			return err
		}
		cfg := a.cfg.Router
		if a.has(roleMessage) {
			// Small chats of this process need cores at once; a large group's members do not
			// notice that their shards wait for each other.
			cfg.Lanes = min(cfg.Lanes, max(1, runtime.GOMAXPROCS(0)/2))
		}
		r, err := routers.NewFanoutRouter(cfg, a.routing, largegroup.New(groups, sessions, out, a.startHints(out)))
		if err != nil {
			return err
		}
		a.stack.Go("fanout router", r.Run)
	}
	if !a.has(roleMessage) {
		return nil
	}
	out, err := routers.NewFollowUp(a.routing, a.replica(roleMessage))
	if err != nil {
		return err
	}
	windows := authorize.NewWindows(a.cfg.Message)
	a.tune(func(c *Config) error { windows.Set(c.Message); return nil })
	r, err := routers.NewMessageRouter(a.cfg.Router, a.routing, routers.Pipeline{
		Messages: client.NewMessages(a.calls), Conversations: client.NewConversations(a.calls),
		Groups: groups, Sessions: sessions, Hints: a.startHints(out), IDs: a.ids, Outbox: out, Windows: windows,
	})
	if err != nil {
		return err
	}
	a.stack.Go("message router", r.Run)
	return nil
}

// startHints starts what tells sockets of messages that are not pushed to them. It stops
// after the router that uses it.
func (a *app) startHints(out handlers.Outbox) *hint.Hinter {
	h := hint.New(out, func(err error) {
		a.log.Warn("sockets were not told to pull messages that could not be pushed", zap.Error(err))
	})
	a.stack.Go("hints", h.Run)
	return h
}

// startJanitor does the chores: as the elected one, or alone where there is no
// registry and so nobody else.
func (a *app) startJanitor(context.Context) error {
	if !a.has(roleJanitor) {
		return nil
	}
	a.metrics.MustRegister(leadsMetric(&a.leads))
	j, err := janitor.New(a.cfg.Janitor, janitor.Deps{
		Topics: a.queue, Gateways: client.NewSessions(a.calls), Report: a.reportChores,
	})
	if err != nil {
		return err
	}
	out, err := routers.NewOutbox(a.routing, a.replica(roleJanitor))
	if err != nil {
		return err
	}
	crier, err := janitor.NewCrier(client.NewGroups(a.calls), announce.New(out), a.cfg.Janitor.Timeout, func(err error) {
		a.log.Warn("changes of groups were not announced; it is tried again", zap.Error(err))
	})
	if err != nil {
		return err
	}
	census, err := janitor.NewCensus(client.NewPresence(a.calls), a.cfg.Janitor.Timeout, func(err error) {
		a.log.Warn("the users who are online were not counted; it is tried again", zap.Error(err))
	})
	if err != nil {
		return err
	}
	a.metrics.MustRegister(onlineUsers{census})
	keeper := routers.NewPoisonKeeper(a.cfg.Router, a.routing, pb.NewPoisonRepoClient(a.calls))
	sweeper, err := retention.New(a.cfg.Retention, client.NewRetention(a.calls), routers.NewRetentionObserver(a.metrics, a.log))
	if err != nil {
		return err
	}
	a.tune(func(c *Config) error { return sweeper.Configure(c.Retention) })
	chores := func(ctx context.Context) error {
		a.leads.Store(true)
		defer a.leads.Store(false)
		all, ctx := errgroup.WithContext(ctx)
		all.Go(func() error { return j.Run(ctx) })
		all.Go(func() error { return crier.Run(ctx) })
		all.Go(func() error { return census.Run(ctx) })
		all.Go(func() error { return keeper.Run(ctx) })
		all.Go(func() error { return sweeper.Run(ctx) })
		return all.Wait()
	}
	run := chores
	if a.registry != nil {
		run = func(ctx context.Context) error { return a.registry.Campaign(ctx, roleJanitor, chores) }
	}
	a.stack.Go("janitor", run)
	return nil
}

func (a *app) reportChores(deleted []string, err error) {
	if err != nil {
		a.log.Warn("the janitor could not finish its round; it tries again", zap.Error(err))
	}
	if len(deleted) > 0 {
		a.log.Info("topics of dead gateways were deleted", zap.Strings("topics", deleted))
	}
}

func (a *app) startGateway(ctx context.Context) error {
	if !a.has(RoleGateway) {
		return nil
	}
	g, err := gateway.New(a.cfg.Gateway.Config, gateway.Deps{
		QueueSystem: a.cfg.MQ.system(),
		Auth:        pb.NewAuthServiceClient(a.calls), Users: pb.NewUserServiceClient(a.calls),
		Conversations: pb.NewConversationServiceClient(a.calls), Messages: pb.NewMessageServiceClient(a.calls),
		Groups:   pb.NewGroupServiceClient(a.calls),
		Search:   pb.NewSearchServiceClient(a.calls),
		Sessions: pb.NewSessionRepoClient(a.calls), Store: pb.NewConversationRepoClient(a.calls), Shared: pb.NewLimitRepoClient(a.limits), Transport: a.queue,
		Devices: pb.NewDeviceServiceClient(a.calls), DeviceNotes: pb.NewDeviceRepoClient(a.calls),
		Receipts: pb.NewReceiptServiceClient(a.calls),
		Presence: pb.NewPresenceServiceClient(a.calls), Present: pb.NewPresenceRepoClient(a.calls),
		Log: a.log, Metrics: a.metrics, Gatherer: a.metrics, Health: a.checks.Recent, Alive: a.pulse.Alive, Status: a.statusAt(a.listener.Addr()),
		Web: web.FS(), OpenAPI: contracts.OpenAPI, AsyncAPI: contracts.AsyncAPI, Limits: a.cfg.Limits.Limits,
	})
	if err != nil {
		return err
	}
	a.tune(func(c *Config) error { return g.Retune(c.Limits.Rates, c.Limits.Limits, c.Gateway.AllowedOrigins) })
	a.gateway = g
	a.pulse.Touches(g.Touch)
	a.checks.AddOwn("gateway", g.Check)
	if a.cfg.Ops.Listen == "" && !a.cfg.Gateway.ServesOps(a.listener.Addr()) {
		a.log.Warn("nobody can ask this process for /readyz and /metrics: the gateway serves them on loopback only; "+
			"set ops.listen (GOCHAT_OPS_LISTEN) to an address inside your network", zap.Stringer("address", a.listener.Addr()))
	}
	a.stack.Go("gateway", func(ctx context.Context) error { return g.Serve(ctx, a.listener) })
	select {
	case <-g.Ready():
		return a.listGateway(ctx, g.ID())
	case err := <-a.stack.Failed():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// listGateway makes the gateway known beside the session registry, which may be away or
// lose what it holds.
func (a *app) listGateway(ctx context.Context, id string) error {
	if a.registry == nil {
		return nil // whoever asks is in this process, and hears the gateway itself
	}
	reg, err := a.registry.Register(ctx, RoleGateway, registry.Instance{ID: id, Address: a.listener.Addr().String()})
	if err != nil {
		return err
	}
	a.stack.Push("registration of "+RoleGateway, func(context.Context) error { return reg.Close() })
	return nil
}
