package app

import (
	"context"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/idgen"
	"github.com/gochat/gochat/infra/registry"
)

// openDir locks the data directory when a part of this process keeps something there: the embedded queue, the
// embedded database, or generated token keys.
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

// openRegistry connects to the registry, when there is one, claims this process's names, and
// makes the id generator with a leased worker id, or with worker_id where there is no registry.
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
