// Package kv opens the key-value store: a Redis server, a sentinel group or a
// cluster by one client, or the embedded server of this process.
package kv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/gochat/gochat/infra/kv/embedded"
)

// Config says where the store is and how long to wait for it.
type Config struct {
	// Addrs of a server, of sentinels (with MasterName) or of some nodes of a
	// cluster. Empty: an embedded server in this process.
	Addrs []string `mapstructure:"addrs"`
	// MasterName makes Addrs those of sentinels.
	MasterName string `mapstructure:"master_name"`
	Username   string `mapstructure:"username"`
	Password   string `mapstructure:"password" secret:"true"`
	DB         int    `mapstructure:"db"`
	TLS        bool   `mapstructure:"tls"`
	// Timeout bounds dialling and each command; at most 500 ms is sensible, since
	// without the store everything goes on from the database.
	Timeout time.Duration `mapstructure:"timeout"`
	// PoolSize is connections for each node; 0: 10 for each CPU (embedded: 2).
	PoolSize int `mapstructure:"pool_size"`
	// EmbeddedBytes bounds the embedded server's memory.
	EmbeddedBytes int `mapstructure:"embedded_bytes"`
	// EmbeddedKeep are prefixes of keys that the embedded server does not evict; it
	// is the program's to set.
	EmbeddedKeep []string `mapstructure:"-"`
}

// DefaultConfig returns the defaults: embedded.
func DefaultConfig() Config {
	return Config{Timeout: 500 * time.Millisecond, EmbeddedBytes: 64 << 20}
}

// Client is a connected client. Safe for concurrent use.
type Client struct {
	redis.UniversalClient
	server *embedded.Server
}

// Open connects and asks for a sign of life, for at most ctx. The error of a
// server that does not answer names the setting.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	opts := &redis.UniversalOptions{
		Addrs: cfg.Addrs, MasterName: cfg.MasterName, Username: cfg.Username, Password: cfg.Password, DB: cfg.DB,
		DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, PoolTimeout: cfg.Timeout,
		ContextTimeoutEnabled: true, PoolSize: cfg.PoolSize, Protocol: 2, DisableIdentity: true, MaxRetries: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if cfg.TLS {
		opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	var server *embedded.Server
	if len(cfg.Addrs) == 0 {
		server = embedded.Start(embedded.Config{MaxBytes: cfg.EmbeddedBytes, Keep: cfg.EmbeddedKeep})
		opts.Addrs = []string{"embedded"}
		opts.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) { return server.Dial(ctx) }
		if opts.PoolSize == 0 {
			opts.PoolSize = 2 * runtime.GOMAXPROCS(0)
		}
	}
	c := &Client{UniversalClient: redis.NewUniversalClient(opts), server: server}
	if err := c.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("reach Redis at %s (setting kv.addrs): %w", strings.Join(opts.Addrs, ", "), err), c.Close())
	}
	return c, nil
}

// Health asks for a sign of life.
func (c *Client) Health(ctx context.Context) error {
	if err := c.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping Redis: %w", err)
	}
	return nil
}

// Close ends the connections, and the embedded server with its keys.
func (c *Client) Close() error {
	err := c.UniversalClient.Close()
	if c.server != nil {
		err = errors.Join(err, c.server.Close())
	}
	return err
}
