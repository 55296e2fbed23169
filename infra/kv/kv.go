// Package kv opens a Redis: a server, a sentinel group or a cluster, by one client.
package kv

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Client is a connected client. Safe for concurrent use.
type Client struct {
	redis.UniversalClient

	measuring measuring
	name      string // of what it is connected to
	poolSize  int    // for each node
	start     string // of every key
}

// Start is the text with which every key at the server begins, in front of the key that a command of this
// client names; empty without an environment.
func (c *Client) Start() string { return c.start }

// clusterReload is how soon a client notices that a cluster's slots have moved when no node tells it; by
// default it is a minute.
const clusterReload = time.Second

// ErrNoServer says that kv.addrs is empty.
var ErrNoServer = errors.New("open the cache: kv.addrs names no Redis server")

// Open connects and asks what kind of server it is connected to, until ctx ends. When the server cannot be
// used, the error names the address, the reason and the setting.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	opts, err := options(cfg)
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	if len(cfg.Addrs) == 0 {
		return nil, ErrNoServer
	}
	quiet()
	if cfg.MasterName != "" {
		if err := askSentinels(ctx, cfg, opts); err != nil {
			return nil, err
		}
	}
	c, err := connect(ctx, cfg, opts)
	if err != nil {
		return nil, explain(cfg, err)
	}
	name := cfg.MasterName
	if name == "" {
		name = cfg.Addrs[0]
	}
	if c.start = cfg.start(); c.start != "" {
		c.AddHook(apart{c.start})
	}
	return c.measured(name, cfg.PoolSize), nil
}

// silent drops what go-redis logs: all of it comes back as errors too, and a failed start reports one
// sentence.
type silent struct{}

// Printf does nothing.
func (silent) Printf(context.Context, string, ...any) {}

// quiet turns off the log of go-redis, which all clients of the process share.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

func options(cfg Config) (*redis.UniversalOptions, error) {
	secure, err := cfg.TLS.Config("kv.tls")
	if err != nil {
		return nil, err
	}
	return &redis.UniversalOptions{
		Addrs: cfg.Addrs, MasterName: cfg.MasterName, Username: cfg.Username, Password: cfg.Password, DB: cfg.DB,
		SentinelUsername: cfg.SentinelUsername, SentinelPassword: cfg.SentinelPassword, TLSConfig: secure,
		DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, PoolTimeout: cfg.Timeout,
		ContextTimeoutEnabled: true, PoolSize: cfg.PoolSize, Protocol: 2, DisableIdentity: true, MaxRetries: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}, nil
}

// connect makes the client that the configuration asks for and looks at the server.
// A single address that turns out to be a node of a cluster becomes a client of the
// cluster.
func connect(ctx context.Context, cfg Config, opts *redis.UniversalOptions) (*Client, error) {
	if cfg.MasterName == "" && len(cfg.Addrs) == 1 {
		one := redis.NewClient(opts.Simple())
		mode, err := inspect(ctx, one)
		if err == nil && mode != modeCluster {
			return &Client{UniversalClient: one}, nil
		}
		if err = errors.Join(err, one.Close()); err != nil {
			return nil, err
		}
	}
	var c redis.UniversalClient
	if cfg.MasterName != "" {
		c = redis.NewFailoverClient(opts.Failover())
	} else {
		cluster := opts.Cluster()
		cluster.ClusterStateReloadInterval = clusterReload
		c = redis.NewClusterClient(cluster)
	}
	if _, err := inspect(ctx, c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &Client{UniversalClient: c}, nil
}

// Health asks for a sign of life.
func (c *Client) Health(ctx context.Context) error {
	if err := c.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping Redis: %w", err)
	}
	return nil
}
