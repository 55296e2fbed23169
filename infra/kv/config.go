package kv

import (
	"errors"
	"time"

	"github.com/gochat/gochat/infra/certs"
)

// Config says where the store is and how long to wait for it.
type Config struct {
	// Addrs of a server, of sentinels (with MasterName) or of some nodes of a
	// cluster. Empty: there is no server, and the cache is one of this process.
	Addrs []string `mapstructure:"addrs"`
	// MasterName makes Addrs those of sentinels.
	MasterName string `mapstructure:"master_name"`
	Username   string `mapstructure:"username"`
	Password   string `mapstructure:"password" secret:"true"`
	// SentinelUsername and SentinelPassword are for the sentinels themselves.
	SentinelUsername string `mapstructure:"sentinel_username"`
	SentinelPassword string `mapstructure:"sentinel_password" secret:"true"`
	// DB is the number of the database; a cluster has only 0.
	DB int `mapstructure:"db"`
	// Environment comes before every key, so that several environments can share one server; empty: nothing
	// does. The program sets it, and users of the client never see it.
	Environment string `mapstructure:"-"`

	// TLS encrypts the connections to servers and sentinels.
	TLS certs.Client `mapstructure:"tls"`
	// Timeout bounds dialling and each command, 1 ms to 500 ms: without the store everything is answered by
	// the database, which could have done so meanwhile.
	Timeout time.Duration `mapstructure:"timeout"`
	// PoolSize is connections for each node; 0: 10 for each CPU.
	PoolSize int `mapstructure:"pool_size"`
	// EmbeddedBytes bounds the memory of the cache of this process, where there is no server.
	EmbeddedBytes int `mapstructure:"embedded_bytes"`
}

// maxTimeout is the most that a command may wait for a store that does not answer.
const maxTimeout = 500 * time.Millisecond

// DefaultConfig returns the defaults: no server.
func DefaultConfig() Config {
	return Config{Timeout: maxTimeout, EmbeddedBytes: 64 << 20}
}

// Validate says what is wrong with the configuration; each sentence names its
// setting.
func (c Config) Validate() error {
	var errs []error
	must := func(ok bool, sentence string) {
		if !ok {
			errs = append(errs, errors.New(sentence))
		}
	}
	must(c.Timeout >= time.Millisecond && c.Timeout <= maxTimeout, "kv.timeout: must be 1ms to 500ms")
	must(c.PoolSize >= 0, "kv.pool_size: must not be negative")
	must(c.DB >= 0, "kv.db: must not be negative")
	must(c.DB == 0 || c.MasterName != "" || len(c.Addrs) < 2, "kv.db: a cluster has only database 0")
	must(c.MasterName == "" || len(c.Addrs) > 0, "kv.master_name: needs the sentinels in kv.addrs")
	must(c.MasterName != "" || c.SentinelUsername+c.SentinelPassword == "", "kv.sentinel_username, kv.sentinel_password: only with kv.master_name")
	must(c.TLS.Enabled || c.TLS.CA+c.TLS.Cert == "", "kv.tls.ca, kv.tls.cert: only with kv.tls.enabled")
	return errors.Join(append(errs, c.TLS.Complete("kv.tls"))...)
}
