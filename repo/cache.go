package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/memory"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

// caching is an open cache.
type caching struct {
	cache    cache.Cache
	sessions cache.Sessions
	figures  prometheus.Collector
	// health reports nil while the cache answers.
	health func(context.Context) error
	close  func() error
}

// openCache opens the first of these that cfg has: the cache that the program has given, the Redis
// that the configuration names, or a cache in this process's memory.
func openCache(ctx context.Context, cfg Config) (c *caching, err error) {
	switch {
	case cfg.Cache != nil || cfg.Sessions != nil:
		c, err = givenCache(cfg)
	case len(cfg.KV.Addrs) == 0:
		c, err = openMemory(cfg.KV)
	default:
		c, err = openRedis(ctx, cfg.KV)
	}
	if err != nil {
		return nil, err
	}
	if w, ok := c.sessions.(witnessed); ok && cfg.Gateways != nil {
		w.Witness(cfg.Gateways)
	}
	return c, nil
}

// witnessed is a session registry that can ask another source which gateways live.
type witnessed interface{ Witness(live func() []string) }

func openRedis(ctx context.Context, cfg kv.Config) (*caching, error) {
	client, err := kv.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	kept := rediscache.New(client.UniversalClient)
	sessions := rediscache.NewSessions(client.UniversalClient, time.Now)
	return &caching{cache: kept, sessions: sessions, figures: client, health: client.Health, close: func() error {
		kept.Close()
		sessions.Close()
		if err := client.Close(); err != nil {
			return fmt.Errorf("close the cache: %w", err)
		}
		return nil
	}}, nil
}

func openMemory(cfg kv.Config) (*caching, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	kept, sessions := memory.New(memory.Config{Bytes: cfg.EmbeddedBytes}), memory.NewSessions(time.Now)
	return &caching{
		cache: kept, sessions: sessions, figures: memory.NewMetrics(kept, sessions),
		health: well, close: func() error { return nil },
	}, nil
}

// givenCache takes the program's own cache. Its health is asked for when it has a Health method;
// closing it is left to the program.
func givenCache(cfg Config) (*caching, error) {
	if cfg.Cache == nil || cfg.Sessions == nil {
		return nil, errors.New("open the cache: Config.Cache and Config.Sessions have to be given together; one is missing")
	}
	c := &caching{cache: cfg.Cache, sessions: cfg.Sessions, figures: noFigures{}, health: well, close: func() error { return nil }}
	if asked, ok := cfg.Cache.(interface{ Health(context.Context) error }); ok {
		c.health = asked.Health
	}
	return c, nil
}

func well(context.Context) error { return nil }

// noFigures is a collector without metrics, for a cache of the program's own.
type noFigures struct{}

// Describe implements prometheus.Collector, as Collect does.
func (noFigures) Describe(chan<- *prometheus.Desc) {}

// Collect shows nothing.
func (noFigures) Collect(chan<- prometheus.Metric) {}
