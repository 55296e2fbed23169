package redisstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/zap"
)

// silence: what go-redis logs comes back as errors, too.
type silence struct{}

// Printf does nothing.
func (silence) Printf(context.Context, string, ...any) {}

var hush = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

func connect(ctx context.Context, cfg Config, log *zap.Logger) (redis.UniversalClient, error) {
	hush()
	secure, err := cfg.TLS.load()
	if err != nil {
		return nil, err
	}
	opts := &redis.UniversalOptions{
		Addrs: cfg.Addrs, MasterName: cfg.MasterName, Username: cfg.Username, Password: cfg.Password, DB: cfg.DB,
		SentinelUsername: cfg.SentinelUsername, SentinelPassword: cfg.SentinelPassword, TLSConfig: secure,
		DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, PoolTimeout: cfg.Timeout,
		// A command whose answer was lost may have been done: whoever publishes decides.
		ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true, MaxRetries: -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	var rdb redis.UniversalClient = redis.NewClient(opts.Simple())
	if cfg.MasterName != "" {
		rdb = redis.NewFailoverClient(opts.Failover())
	}
	ctx, cancel := context.WithTimeout(ctx, 2*cfg.Timeout)
	defer cancel()
	if err := look(ctx, cfg, rdb, log); err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	return rdb, nil
}

// look asks the server what it is. An error is one sentence.
func look(ctx context.Context, cfg Config, rdb redis.UniversalClient, log *zap.Logger) error {
	at := strings.Join(cfg.Addrs, ", ")
	text, err := rdb.Info(ctx, "server", "cluster", "persistence", "memory").Result()
	switch {
	case err != nil && (redis.HasErrorPrefix(err, "NOAUTH") || redis.HasErrorPrefix(err, "WRONGPASS") || redis.HasErrorPrefix(err, "NOPERM")):
		return fmt.Errorf("the Redis server at %s refuses the credentials (settings mq.redisstream.username and password): %w", at, err)
	case err != nil && (strings.Contains(err.Error(), "x509:") || strings.Contains(err.Error(), "tls:")):
		return fmt.Errorf("the Redis server at %s and we do not trust each other's certificates (settings mq.redisstream.tls.*): %w", at, err)
	case err != nil && cfg.MasterName != "":
		return fmt.Errorf("the sentinels at %s (settings mq.redisstream.addrs and master_name %q) name no master that answers: %w", at, cfg.MasterName, err)
	case err != nil && cfg.TLS.Enabled:
		return fmt.Errorf("the Redis server at %s (setting mq.redisstream.addrs) does not answer; it must speak TLS, as mq.redisstream.tls.enabled is set: %w", at, err)
	case err != nil:
		return fmt.Errorf("the Redis server at %s (setting mq.redisstream.addrs) does not answer: %w", at, err)
	}
	info := fields(text)
	if old(info["redis_version"]) {
		return fmt.Errorf("the Redis server at %s (setting mq.redisstream.addrs) is %s: it must be at least 6.2", at, info["redis_version"])
	}
	if info["cluster_enabled"] == "1" {
		return fmt.Errorf("the Redis server at %s (setting mq.redisstream.addrs) is a node of a cluster: "+
			"what is published together must be on one server; name a server or sentinels", at)
	}
	if info["aof_enabled"] != "1" {
		log.Warn("this Redis keeps no append-only file: a crash of it loses accepted messages (appendonly yes)", zap.String("addrs", at))
	}
	if p := info["maxmemory_policy"]; p != "" && p != "noeviction" && info["maxmemory"] != "0" {
		log.Warn("this Redis evicts keys when memory is short, and with them accepted messages (maxmemory-policy noeviction)",
			zap.String("addrs", at), zap.String("maxmemory_policy", p))
	}
	return nil
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

// old reports a version before 6.2; one that cannot be read is taken to be new.
func old(version string) bool {
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (major < 6 || major == 6 && minor < 2)
}

// wait pauses between tries; false: it is time to end.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
