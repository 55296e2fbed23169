package app

import (
	"context"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/idgen"
	"github.com/gochat/gochat/infra/registry"
)

// openDir takes the data directory when something in this process is embedded.
func (a *App) openDir(context.Context) (err error) {
	keys := a.roles.need(needsKeys) && len(a.cfg.Auth.Keys) == 0
	store := a.roles.need(needsStore) && a.cfg.DB.Driver != db.MySQL
	if !keys && !store && !a.cfg.MQ.kind().embedded() {
		return nil
	}
	if a.dir, err = OpenDataDir(a.cfg.DataDir); err != nil {
		return err
	}
	a.stack.Push("data directory", func(context.Context) error { return a.dir.Close() })
	database := ""
	if store {
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
func (a *App) openRegistry(ctx context.Context) (err error) {
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
	if !a.roles.need(needsIDs) {
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
