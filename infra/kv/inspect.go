package kv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrOldServer says that a Redis server is older than what this program needs.
var ErrOldServer = errors.New("the Redis server is too old")

// The oldest server's version.
const minMajor, minMinor = 6, 0

// What a server says of itself.
const (
	modeCluster  = "cluster"
	modeSentinel = "sentinel"
	roleReplica  = "slave"
)

var (
	errSentinel = errors.New("it is a sentinel: set kv.master_name")
	errReplica  = errors.New("it is a replica, which takes no writes: name its master, or its sentinels with kv.master_name")
)

// inspect asks a server for its version, mode and role, and returns the mode. When the account may not ask,
// mode is empty and the server is taken to fit.
func inspect(ctx context.Context, c redis.UniversalClient) (mode string, err error) {
	if err := c.Ping(ctx).Err(); err != nil {
		return "", err
	}
	text, err := c.Info(ctx, "server").Result()
	if redis.HasErrorPrefix(err, "NOPERM") {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	facts := parseInfo(text)
	if err := checkVersion(facts["redis_version"]); err != nil {
		return "", err
	}
	mode = facts["redis_mode"]
	if mode == modeSentinel {
		return "", errSentinel
	}
	if mode == modeCluster {
		return mode, nil
	}
	if text, err = c.Info(ctx, "replication").Result(); err != nil {
		return "", err
	}
	if parseInfo(text)["role"] == roleReplica {
		return "", errReplica
	}
	return mode, nil
}

// parseInfo reads the lines "name:value" of INFO.
func parseInfo(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = value
		}
	}
	return out
}

func checkVersion(version string) error {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("its version %q is not understood: %w", version, err)
	}
	if major < minMajor || major == minMajor && minor < minMinor {
		return fmt.Errorf("%w: it is %s, and GoChat needs %d.%d or newer", ErrOldServer, version, minMajor, minMinor)
	}
	return nil
}

// askSentinels checks that one of the sentinels knows the master: without it a failover client's errors would
// not say what is wrong.
func askSentinels(ctx context.Context, cfg Config, opts *redis.UniversalOptions) error {
	var worst error
	for _, addr := range cfg.Addrs {
		simple := opts.Simple()
		simple.Addr, simple.DB = addr, 0
		simple.Username, simple.Password = cfg.SentinelUsername, cfg.SentinelPassword
		sentinel := redis.NewSentinelClient(simple)
		_, err := sentinel.GetMasterAddrByName(ctx, cfg.MasterName).Result()
		if err = errors.Join(err, sentinel.Close()); err == nil {
			return nil
		}
		switch {
		case errors.Is(err, redis.Nil):
			err = fmt.Errorf("the sentinel %s knows no master %q (setting kv.master_name)", addr, cfg.MasterName)
		case isAuth(err):
			err = fmt.Errorf("the sentinel %s refuses this account (settings kv.sentinel_username, kv.sentinel_password): %w", addr, err)
		case strings.Contains(strings.ToLower(err.Error()), "unknown command"):
			err = fmt.Errorf("%s is no sentinel: name sentinels in kv.addrs, or clear kv.master_name", addr)
		default:
			err = fmt.Errorf("the sentinel %s (setting kv.addrs) does not answer: %w", addr, err)
			if worst != nil {
				continue // an answer says more than none
			}
		}
		worst = err
	}
	return fmt.Errorf("open the cache: %w", worst)
}

func isAuth(err error) bool {
	text := err.Error()
	return strings.Contains(text, "WRONGPASS") || strings.Contains(text, "NOAUTH") ||
		strings.Contains(text, "called without any password configured") || strings.Contains(text, "invalid password")
}

// explain makes one sentence of why a store cannot be used, without the password.
func explain(cfg Config, err error) error {
	where := "the Redis server " + strings.Join(cfg.Addrs, ", ")
	if cfg.MasterName != "" {
		where = fmt.Sprintf("the Redis master %q of the sentinels %s", cfg.MasterName, strings.Join(cfg.Addrs, ", "))
	}
	switch {
	case isAuth(err):
		return fmt.Errorf("open the cache: %s refuses this account (settings kv.username, kv.password): %w", where, err)
	case strings.Contains(err.Error(), "cluster support disabled"):
		return fmt.Errorf("open the cache: %s are no cluster: name one server in kv.addrs, or sentinels with kv.master_name: %w", where, err)
	case errors.Is(err, errSentinel), errors.Is(err, errReplica), errors.Is(err, ErrOldServer):
		return fmt.Errorf("open the cache: %s (setting kv.addrs) cannot be used: %w", where, err)
	}
	return fmt.Errorf("open the cache: %s (setting kv.addrs) does not answer: %w", where, err)
}
