package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/gateway"
	"github.com/gochat/gochat/gateway/web"
	"github.com/gochat/gochat/infra/registry"
)

// startGateway starts the gateway, and waits until it accepts connections.
func (a *App) startGateway(ctx context.Context) error {
	g, err := gateway.New(a.cfg.Gateway.Config, a.gatewayDeps())
	if err != nil {
		return err
	}
	a.tune(func(c *Config) error { return g.Retune(c.Limits.Rates, c.Limits.Limits, c.Gateway.AllowedOrigins) })
	a.gateway = g
	a.pulse.Touches(g.Touch)
	a.checks.AddOwn(RoleGateway, g.Check)
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

func (a *App) gatewayDeps() gateway.Deps {
	return gateway.Deps{
		QueueSystem: a.cfg.MQ.kind().system,
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
	}
}

// listGateway registers the gateway at etcd, so that the other processes know the living gateways
// while Redis, which holds the session registry, is away or has lost it.
func (a *App) listGateway(ctx context.Context, id string) error {
	if a.registry == nil {
		return nil // every role is in this process, and there is one gateway
	}
	reg, err := a.registry.Register(ctx, RoleGateway, registry.Instance{ID: id, Address: a.listener.Addr().String()})
	if err != nil {
		return err
	}
	a.stack.Push("registration of "+RoleGateway, func(context.Context) error { return reg.Close() })
	return nil
}
