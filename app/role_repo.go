package app

import (
	"context"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo"
)

// startRepo opens the database and the cache, and brings the schema up to date if db.auto_migrate says so.
func (a *App) startRepo(ctx context.Context) error {
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
	a.metrics.MustRegister(r)
	a.checks.AddGroup(r.Health)
	return nil
}

func (a *App) mountRepo(on grpc.ServiceRegistrar) { a.repo.Register(on) }

// followIDs makes new ids greater than the newest stored one. Otherwise a process whose clock was
// set back before its start could make an id again. With a registry this is not needed: the lease of
// the worker id covers the times of its last holder.
func (a *App) followIDs(ctx context.Context) error {
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
