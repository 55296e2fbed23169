package app

import (
	"context"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/announce"
	"github.com/gochat/gochat/handlers/janitor"
	"github.com/gochat/gochat/handlers/retention"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/routers"
)

// startJanitor runs the chores while this process is the leader. Without a registry there is no
// other process, so this one leads from the start.
func (a *App) startJanitor(context.Context) error {
	a.metrics.MustRegister(leadsMetric(&a.leads), lagCollector{a.queue, &a.leads})
	chores, err := a.chores()
	if err != nil {
		return err
	}
	all := func(ctx context.Context) error {
		a.leads.Store(true)
		defer a.leads.Store(false)
		group, ctx := errgroup.WithContext(ctx)
		for _, run := range chores {
			group.Go(func() error { return run(ctx) })
		}
		return group.Wait()
	}
	run := all
	if a.registry != nil {
		run = func(ctx context.Context) error { return a.registry.Campaign(ctx, RoleJanitor, all) }
	}
	a.stack.Go("janitor", run)
	return nil
}

// chores returns the functions that the leader runs, all at the same time until its leadership ends.
func (a *App) chores() ([]func(context.Context) error, error) {
	topics, err := janitor.New(a.cfg.Janitor, janitor.Deps{
		Topics: a.queue, Gateways: client.NewSessions(a.calls), Report: a.reportChores,
	})
	if err != nil {
		return nil, err
	}
	out, err := routers.NewOutbox(a.routing, a.replica(RoleJanitor))
	if err != nil {
		return nil, err
	}
	reannouncer, err := janitor.NewReannouncer(client.NewGroups(a.calls), announce.New(out), a.cfg.Janitor.Timeout, func(err error) {
		a.log.Warn("changes of groups were not announced; it is tried again", zap.Error(err))
	})
	if err != nil {
		return nil, err
	}
	onlineCount, err := janitor.NewOnlineCount(client.NewPresence(a.calls), a.cfg.Janitor.Timeout, func(err error) {
		a.log.Warn("the users who are online were not counted; it is tried again", zap.Error(err))
	})
	if err != nil {
		return nil, err
	}
	a.metrics.MustRegister(onlineUsers{onlineCount})
	keeper := routers.NewPoisonKeeper(a.cfg.Router, a.routing, pb.NewPoisonRepoClient(a.calls))
	sweeper, err := retention.New(a.cfg.Retention, client.NewRetention(a.calls), routers.NewRetentionObserver(a.metrics, a.log))
	if err != nil {
		return nil, err
	}
	a.tune(func(c *Config) error { return sweeper.Configure(c.Retention) })
	return []func(context.Context) error{topics.Run, reannouncer.Run, onlineCount.Run, keeper.Run, sweeper.Run}, nil
}

func (a *App) reportChores(deleted []string, err error) {
	if err != nil {
		a.log.Warn("the janitor could not finish its round; it tries again", zap.Error(err))
	}
	if len(deleted) > 0 {
		a.log.Info("topics of dead gateways were deleted", zap.Strings("topics", deleted))
	}
}
