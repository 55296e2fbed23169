package redisstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/zap"
)

// silence drops what go-redis logs: the same comes back as errors.
type silence struct{}

// Printf does nothing.
func (silence) Printf(context.Context, string, ...any) {}

var hush = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

func connect(ctx context.Context, cfg Config, log *zap.Logger) (redis.UniversalClient, version, error) {
	hush()
	secure, err := cfg.TLS.Config("mq.redisstream.tls")
	if err != nil {
		return nil, version{}, err
	}
	opts := &redis.UniversalOptions{
		Addrs: cfg.Addrs, MasterName: cfg.MasterName, Username: cfg.Username, Password: cfg.Password, DB: cfg.DB,
		SentinelUsername: cfg.SentinelUsername, SentinelPassword: cfg.SentinelPassword, TLSConfig: secure, PoolSize: cfg.PoolSize,
		DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, PoolTimeout: cfg.Timeout,
		// No retries: a command whose answer was lost may have been executed, so the publisher decides.
		ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true, MaxRetries: -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	var rdb redis.UniversalClient = redis.NewClient(opts.Simple())
	if cfg.MasterName != "" {
		rdb = redis.NewFailoverClient(opts.Failover())
	}
	ctx, cancel := context.WithTimeout(ctx, 2*cfg.Timeout)
	defer cancel()
	is, err := look(ctx, cfg, rdb, log)
	if err != nil {
		return nil, version{}, errors.Join(err, rdb.Close())
	}
	return rdb, is, nil
}

// oldest is the oldest Redis that has all commands used here.
var oldest = version{6, 2}

// look asks the server what it is. An error is one sentence.
func look(ctx context.Context, cfg Config, rdb redis.UniversalClient, log *zap.Logger) (version, error) {
	at := strings.Join(cfg.Addrs, ", ")
	text, err := rdb.Info(ctx).Result()
	if err != nil {
		return version{}, explain(cfg, at, err)
	}
	info := fields(text)
	is := parseVersion(info["redis_version"])
	if is.before(oldest.major, oldest.minor) {
		return is, fmt.Errorf("the Redis server at %s (setting mq.redisstream.addrs) is %s: it must be at least %d.%d",
			at, info["redis_version"], oldest.major, oldest.minor)
	}
	if info["cluster_enabled"] == "1" {
		return is, fmt.Errorf("the Redis server at %s (setting mq.redisstream.addrs) is a node of a cluster: "+
			"what is published together must be on one server; name a server or sentinels", at)
	}
	warn(info, log.With(zap.String("addrs", at)))
	return is, nil
}

func explain(cfg Config, at string, err error) error {
	switch {
	case redis.HasErrorPrefix(err, "NOAUTH") || redis.HasErrorPrefix(err, "WRONGPASS") || redis.HasErrorPrefix(err, "NOPERM"):
		return fmt.Errorf("the Redis server at %s refuses the credentials (settings mq.redisstream.username and password): %w", at, err)
	case strings.Contains(err.Error(), "x509:") || strings.Contains(err.Error(), "tls:"):
		return fmt.Errorf("the Redis server at %s and we do not trust each other's certificates (settings mq.redisstream.tls.*): %w", at, err)
	case cfg.MasterName != "":
		return fmt.Errorf("the sentinels at %s (settings mq.redisstream.addrs and master_name %q) name no master that answers: %w", at, cfg.MasterName, err)
	case cfg.TLS.Enabled:
		return fmt.Errorf("the Redis server at %s (setting mq.redisstream.addrs) does not answer; it must speak TLS, as mq.redisstream.tls.enabled is set: %w", at, err)
	default:
		return fmt.Errorf("the Redis server at %s (setting mq.redisstream.addrs) does not answer: %w", at, err)
	}
}

// warn logs which settings of a server can lose messages, as those of a cache do.
func warn(info map[string]string, log *zap.Logger) {
	if info["aof_enabled"] != "1" {
		log.Warn("this Redis keeps no append-only file: a crash of it loses accepted messages (appendonly yes)")
	}
	if p := info["maxmemory_policy"]; p != "" && p != "noeviction" && info["maxmemory"] != "0" {
		log.Warn("this Redis evicts keys when memory is short, and with them accepted messages (maxmemory-policy noeviction)",
			zap.String("maxmemory_policy", p))
	}
}

func fields(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[key] = value
		}
	}
	return out
}

// version of a server. One that cannot be read is taken for the newest.
type version struct{ major, minor int }

func parseVersion(text string) version {
	var v version
	if _, err := fmt.Sscanf(text, "%d.%d", &v.major, &v.minor); err != nil {
		return version{major: math.MaxInt}
	}
	return v
}

func (v version) before(major, minor int) bool {
	return v.major < major || v.major == major && v.minor < minor
}
