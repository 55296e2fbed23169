// Package redisstream is the message queue on Redis streams, for those who have a
// Redis that keeps what it is given and do not want a Kafka.
//
// Of watermill-redisstream the marshaler is used, so that entries look as any
// Watermill program writes them. Its subscriber is not: it shares a stream's entries
// among consumers of random names, which loses their order and what a consumer that
// died had taken. Here a topic is a number of streams, its shards; a message goes to
// the shard of its key, and each shard of a group is read by one worker at a time.
//
// A worker owns a shard by a lease with a token. It reads from the group's cursor on, which changes nothing,
// and moves the cursor by a script that checks the lease, so that a worker that stood still for too long
// cannot move it any more. What was not acknowledged is beyond the cursor, so the next owner of the shard,
// which may be the same worker, begins with it, in order. Members of a group have equal shares; a member that
// has too many shards finishes what is in flight, gives up all of its shards, and takes its share anew, as
// after a lost lease.
//
// A publish is one script, which Redis runs, replicates and writes to its append-only file whole: all of it
// is there or none, over a crash as well. The server's settings decide what it survives. With appendfsync
// always nothing is lost that was confirmed; with everysec nothing is when the process dies, but something
// may be when its machine does. A failover loses what no replica had, unless publishes wait for replicas.
// Workers may have read what is lost: they notice that they talk to another server, or to a restarted one,
// and begin anew at their cursors.
//
// Memory bounds the queue: a topic holds what the slowest of its groups has not acknowledged, even of a group
// that nobody reads for any more, or the newest entries of each shard while it has no group. A reader without
// a group does not keep entries from being dropped; if it is too slow it misses some. When the server's
// memory is full publishers get errors and consumers go on (from Redis 7.0 on; 6.2 needs more memory first).
//
// A cluster is refused: an outbox writes to several shards, all or none, which
// Redis does on one server only.
package redisstream

import (
	"errors"
	"fmt"
	"time"

	"github.com/gochat/gochat/infra/certs"
)

// Config says where the server is and how much it keeps.
type Config struct {
	// Addrs of the server, or of sentinels (with MasterName).
	Addrs []string `mapstructure:"addrs"`
	// MasterName makes Addrs those of sentinels.
	MasterName       string       `mapstructure:"master_name"`
	Username         string       `mapstructure:"username"`
	Password         string       `mapstructure:"password" secret:"true"`
	SentinelUsername string       `mapstructure:"sentinel_username"`
	SentinelPassword string       `mapstructure:"sentinel_password" secret:"true"`
	DB               int          `mapstructure:"db"`
	TLS              certs.Client `mapstructure:"tls"`
	// Prefix starts every key.
	Prefix string `mapstructure:"prefix"`
	// Environment comes before the prefix, so that several environments can share one server; empty: nothing
	// does. The program sets it.
	Environment string `mapstructure:"-"`

	// Shards is how many shards a new topic has, unless it is made with one partition: so many workers can
	// share its work. A topic that exists keeps its number.
	Shards int `mapstructure:"shards"`
	// Lease is after how long a silent worker loses its shards. For two thirds of it a worker goes on
	// although the server does not answer.
	Lease time.Duration `mapstructure:"lease"`
	// Retain is how many entries a shard keeps while its topic has no group; it is
	// trimmed to about that every two seconds.
	Retain int `mapstructure:"retain"`
	// Timeout bounds connecting and each call.
	Timeout time.Duration `mapstructure:"timeout"`
	// PublishTimeout bounds one publish.
	PublishTimeout time.Duration `mapstructure:"publish_timeout"`
	// WaitReplicas is how many replicas must have a message before a publish is
	// confirmed. Without any, a failover loses what was confirmed just before.
	WaitReplicas int `mapstructure:"wait_replicas"`
	// PoolSize is how many connections there are at most, of which each subscriber
	// keeps one; 0: ten for each CPU.
	PoolSize int `mapstructure:"pool_size"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Prefix: "gochat-mq", Shards: 12, Lease: 9 * time.Second, Retain: 10_000,
		Timeout: 3 * time.Second, PublishTimeout: 10 * time.Second,
	}
}

// Validate says what is wrong, naming the setting.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(len(c.Addrs) > 0, "mq.redisstream.addrs: must name a server as host:port")
	check(len(c.Addrs) < 2 || c.MasterName != "", "mq.redisstream.addrs: several are sentinels and need mq.redisstream.master_name")
	check(c.Prefix != "", "mq.redisstream.prefix: must not be empty")
	check(c.Shards > 0 && c.Shards <= 1024, "mq.redisstream.shards %d: must be 1 to 1024", c.Shards)
	check(c.Lease >= time.Second, "mq.redisstream.lease %v: must be at least 1s", c.Lease)
	check(c.Retain >= 0, "mq.redisstream.retain %d: must not be negative", c.Retain)
	check(c.Timeout > 0 && c.PublishTimeout > 0, "mq.redisstream.timeout %v and publish_timeout %v: must be more than 0", c.Timeout, c.PublishTimeout)
	check(c.WaitReplicas >= 0, "mq.redisstream.wait_replicas %d: must not be negative", c.WaitReplicas)
	check(c.PoolSize >= 0, "mq.redisstream.pool_size %d: must not be negative", c.PoolSize)
	return errors.Join(append(errs, c.TLS.Complete("mq.redisstream.tls"))...)
}
