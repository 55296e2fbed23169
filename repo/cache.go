package repo

import (
	"context"
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
// where it names none.
func openCache(ctx context.Context, cfg kv.Config, gateways func() []string) (*caching, error) {
	if len(cfg.Addrs) == 0 {
		return openMemory(cfg, gateways)
	}
	client, err := kv.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	kept := rediscache.New(client.UniversalClient)
	sessions := rediscache.NewSessions(client.UniversalClient, time.Now)
	if gateways != nil {
		sessions.Witness(gateways)
	}
	return &caching{cache: kept, sessions: sessions, figures: client, health: client.Health, close: func() error {
		kept.Close()
		sessions.Close()
		if err := client.Close(); err != nil {
			return fmt.Errorf("close the cache: %w", err)
		}
		return nil
	}}, nil
}

func openMemory(cfg kv.Config, gateways func() []string) (*caching, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	kept, sessions := memory.New(memory.Config{Bytes: cfg.EmbeddedBytes}), memory.NewSessions(time.Now)
	if gateways != nil {
		sessions.Witness(gateways)
	}
	return &caching{
		cache: kept, sessions: sessions, figures: memory.NewMetrics(kept, sessions),
		health: func(context.Context) error { return nil }, close: func() error { return nil },
	}, nil
}
