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
	// health asks whether it answers.
	health func(context.Context) error
	close  func() error
}

// openCache connects the Redis that the configuration names, or makes a cache of this process
// where it names none; one that the program has given comes before both.
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

// witnessed are sessions that believe another list of gateways than their own.
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

// givenCache is one of the program's own, which may tell how it is and closes it itself.
func givenCache(cfg Config) (*caching, error) {
	if cfg.Cache == nil || cfg.Sessions == nil {
		return nil, errors.New("open the cache: of a given cache and given sessions one is missing")
	}
	c := &caching{cache: cfg.Cache, sessions: cfg.Sessions, figures: noFigures{}, health: well, close: func() error { return nil }}
	if asked, ok := cfg.Cache.(interface{ Health(context.Context) error }); ok {
		c.health = asked.Health
	}
	return c, nil
}

func well(context.Context) error { return nil }

// noFigures are those of a cache that is the program's own.
type noFigures struct{}

// Describe implements prometheus.Collector, as Collect does.
func (noFigures) Describe(chan<- *prometheus.Desc) {}

// Collect shows nothing.
func (noFigures) Collect(chan<- prometheus.Metric) {}
