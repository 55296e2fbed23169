// Package repo is the storage role: the repository services over a SQL database
// and a cache in front of it, which nothing else touches.
package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/service"
	"github.com/gochat/gochat/repo/store/sqlstore"
	"github.com/gochat/gochat/repo/transfer"
)

// Config says where the data is.
type Config struct {
	DB db.Config `mapstructure:"db"`
	KV kv.Config `mapstructure:"kv"`
	// Gateways lists the live gateways from another source than the cache, and must not block; a slice that it has
	// returned must not change. nil: there is no other source. Set by the program, not by the configuration.
	Gateways func() []string `mapstructure:"-"`
	// Cache and Sessions, both or neither, are used instead of what KV describes, and are never
	// closed here. Set by the program, not by the configuration.
	Cache    cache.Cache    `mapstructure:"-"`
	Sessions cache.Sessions `mapstructure:"-"`
}

// DefaultConfig returns the settings for SQLite and an embedded cache; the caller sets DB.Path.
func DefaultConfig() Config { return Config{DB: db.DefaultConfig(), KV: kv.DefaultConfig()} }

// Repo is an open storage role.
type Repo struct {
	db      *db.DB
	cache   *caching
	saver   *sqlstore.Saver
	store   *sqlstore.Store
	service *service.Repo
	metrics *service.Metrics
}

// openTimeout bounds the waits for servers at the start. Migrations have no such bound: they may take hours.
const openTimeout = 30 * time.Second

// Open opens the database, brings its schema up to date (with db.auto_migrate), and connects
// the cache. A server that is away at the start is an error, so that a wrong address is
// noticed; once open, the role goes on without the cache and without replicas. Errors may wrap
// db.ErrDamaged or store.ErrNewerSchema, in which case nothing was changed, or transfer.ErrBegun.
func Open(ctx context.Context, cfg Config, log *zap.Logger) (*Repo, error) {
	r := &Repo{metrics: service.NewMetrics()}
	if err := r.open(ctx, cfg, log); err != nil {
		return nil, errors.Join(err, r.Close(context.WithoutCancel(ctx)))
	}
	return r, nil
}

func (r *Repo) open(ctx context.Context, cfg Config, log *zap.Logger) (err error) {
	if r.db, err = openDB(ctx, cfg.DB, log); err != nil {
		return err
	}
	if err := r.migrate(ctx, cfg.DB.AutoMigrate, log); err != nil {
		return err
	}
	if err := transfer.Pending(ctx, r.db); err != nil {
		return err
	}
	// The time is taken from here on: the migrations may have taken hours.
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	r.db.WatchWrites(sqlstore.ProbeWrite)
	r.store = sqlstore.New(r.db)
	if r.cache, err = openCache(opening, cfg); err != nil {
		return err
	}
	follow := service.Follow(r.cache.cache, r.metrics, log)
	if r.saver, err = sqlstore.NewSaver(opening, r.db, cfg.DB.Writers, follow, log); err != nil {
		return err
	}
	r.service, err = service.New(r.store, r.saver, r.cache.cache, r.cache.sessions, r.metrics, log)
	return err
}

func openDB(ctx context.Context, cfg db.Config, log *zap.Logger) (*db.DB, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return db.Open(ctx, cfg, log)
}

func (r *Repo) migrate(ctx context.Context, auto bool, log *zap.Logger) error {
	if auto {
		applied, err := sqlstore.Migrate(ctx, r.db)
		if len(applied) > 0 {
			log.Info("the schema was brought up to date", zap.Strings("migrations", applied))
		}
		if err != nil {
			return err
		}
	} else if err := sqlstore.CheckMigrated(ctx, r.db); err != nil {
		return err
	}
	unknown, err := sqlstore.Newer(ctx, r.db)
	if len(unknown) > 0 {
		log.Warn("a newer gochat has migrated the schema; this one can work with it", zap.Strings("unknown migrations", unknown))
	}
	return err
}

// NewestID returns the greatest id that is stored; 0 when nothing is.
func (r *Repo) NewestID(ctx context.Context) (int64, error) { return r.store.NewestID(ctx) }

// Register mounts the services on a gRPC server or an in-process channel.
func (r *Repo) Register(on grpc.ServiceRegistrar) { r.service.Register(on) }

// SetSlowQuery sets the duration from which on a query of the database is logged; negative: none is.
func (r *Repo) SetSlowQuery(from time.Duration) { r.db.SetSlowQuery(from) }

// Health checks the database, its writes, its replicas and the cache, and returns an error or
// nil for each by name. The role goes on without replicas and cache: their errors wrap
// health.ErrDegraded. While writes fail, the error of db.WriteCheck wraps db.ErrNotWritable:
// nothing can be stored, and history can still be read.
func (r *Repo) Health(ctx context.Context) map[string]error {
	out := r.db.Check(ctx)
	out["cache"] = r.cache.health(ctx)
	for name, err := range out {
		if err != nil && name != "database" && name != db.WriteCheck {
			out[name] = fmt.Errorf("%w: %w", health.ErrDegraded, err)
		}
	}
	return out
}

// Describe implements prometheus.Collector, as Collect does: what the storage role
// counts, its pools, and what the cache holds.
func (r *Repo) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Collector{r.metrics, r.db, r.cache.figures} {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (r *Repo) Collect(ch chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{r.metrics, r.db, r.cache.figures} {
		c.Collect(ch)
	}
}

// Close stores the messages that were handed to the saver before, then closes everything. Errors
// are joined.
func (r *Repo) Close(ctx context.Context) error {
	var errs []error
	if r.saver != nil {
		errs = append(errs, r.saver.Close(ctx))
	}
	if r.service != nil {
		r.service.Close()
	}
	if r.cache != nil {
		errs = append(errs, r.cache.close())
	}
	if r.db != nil {
		errs = append(errs, r.db.Close())
	}
	return errors.Join(errs...)
}
