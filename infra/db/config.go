// Package db opens the SQL database: one pool that writes and pools that read, in the same way for SQLite in
// a file and for MySQL or MariaDB with replicas.
package db

import (
	"errors"
	"fmt"
	"time"
)

// Driver names a kind of database.
type Driver string

// The drivers.
const (
	SQLite Driver = "sqlite"
	MySQL  Driver = "mysql"
)

// Config says which database to open. The zero value of a number means its
// default.
type Config struct {
	// Driver is "sqlite" (default) or "mysql"; MariaDB is "mysql" too.
	Driver Driver `mapstructure:"driver"`
	// Path is the SQLite file; its folder is made when missing.
	Path string `mapstructure:"path"`
	// DSN is the MySQL primary, in the form of go-sql-driver/mysql. It holds a
	// password and is never logged.
	DSN string `mapstructure:"dsn" secret:"true"`
	// ReplicaDSNs are MySQL replicas. Only messages are read there: their numbers have no holes, so it shows
	// when a replica lacks some, and the primary is asked. Replicas are optional: one that is down, hangs or
	// is behind makes the role degraded, not down.
	ReplicaDSNs []string `mapstructure:"replica_dsns" secret:"true"`
	// AutoMigrate brings the schema up to date when the storage role starts; several processes may start at
	// once. DefaultConfig sets it. Without it a role whose database waits for a migration does not start.
	AutoMigrate bool `mapstructure:"auto_migrate"`
	// Writers is how many MySQL transactions may store messages at the same time, 1 to
	// 32; default 4. SQLite has one writer.
	Writers int `mapstructure:"writers"`
	// MaxOpen and MaxIdle bound each MySQL pool; defaults 32 and 16.
	MaxOpen int `mapstructure:"max_open"`
	MaxIdle int `mapstructure:"max_idle"`
	// Readers is the number of SQLite connections that read; default 4.
	Readers int `mapstructure:"readers"`
	// ConnMaxLifetime is how long a MySQL connection is used; default 30 min.
	ConnMaxLifetime time.Duration `mapstructure:"conn_max_lifetime"`
	// SlowQuery is the duration from which on a query is logged; default 200 ms, negative never.
	SlowQuery time.Duration `mapstructure:"slow_query"`
	// StatementTimeout is after how long a MySQL server ends a statement, even if nobody waits for it any
	// more; default 10 s, negative never. MySQL limits SELECT only, MariaDB everything.
	StatementTimeout time.Duration `mapstructure:"statement_timeout"`
	// LockTimeout is how long a MySQL transaction waits for another's row locks, in
	// whole seconds; default 2 s. Messages are then tried again.
	LockTimeout time.Duration `mapstructure:"lock_timeout"`
	// ReplicaTimeout is how long a read waits for a replica before it asks the
	// primary; default 500 ms.
	ReplicaTimeout time.Duration `mapstructure:"replica_timeout"`
	// BusyTimeout is how long SQLite waits for another process's lock; default 5 s.
	BusyTimeout time.Duration `mapstructure:"busy_timeout"`
	// Told is called with every statement and its values before the statement runs, for all pools and from
	// many goroutines; nil: no calls. It is for tests, which ask the database for its plans.
	Told func(query string, args []any) `mapstructure:"-"`
}

// DefaultConfig is SQLite with every default filled in; Path is left to the
// caller.
func DefaultConfig() Config {
	c := Config{}.withDefaults()
	c.AutoMigrate = true
	return c
}

func (c Config) withDefaults() Config {
	if c.Driver == "" {
		c.Driver = SQLite
	}
	c.MaxOpen = orDefault(c.MaxOpen, 32)
	c.MaxIdle = orDefault(c.MaxIdle, 16)
	c.Readers = orDefault(c.Readers, 4)
	c.ConnMaxLifetime = orDefault(c.ConnMaxLifetime, 30*time.Minute)
	c.SlowQuery = orDefault(c.SlowQuery, 200*time.Millisecond)
	c.Writers = orDefault(c.Writers, 4)
	c.StatementTimeout = orDefault(c.StatementTimeout, 10*time.Second)
	c.LockTimeout = orDefault(c.LockTimeout, 2*time.Second)
	c.ReplicaTimeout = orDefault(c.ReplicaTimeout, 500*time.Millisecond)
	c.BusyTimeout = orDefault(c.BusyTimeout, 5*time.Second)
	return c
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Validate says what is wrong with the configuration; each sentence names its
// setting.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	must := func(ok bool, sentence string) {
		if !ok {
			errs = append(errs, errors.New(sentence))
		}
	}
	switch c.Driver {
	case SQLite:
		must(c.Path != "", "db.path: needed with db.driver sqlite")
		must(len(c.ReplicaDSNs) == 0, "db.replica_dsns: only with db.driver mysql")
	case MySQL:
		must(c.DSN != "", "db.dsn: needed with db.driver mysql")
	default:
		errs = append(errs, fmt.Errorf("db.driver: %q is neither sqlite nor mysql", c.Driver))
	}
	must(c.MaxOpen >= 2, "db.max_open: must be at least 2")
	must(c.MaxIdle >= 0, "db.max_idle: must not be negative")
	must(c.Readers >= 1, "db.readers: must be at least 1")
	must(c.Writers >= 1 && c.Writers <= 32, "db.writers: must be 1 to 32")
	must(c.Driver != MySQL || c.Writers < c.MaxOpen, "db.writers: must be less than db.max_open, or nothing is left to read with")
	must(c.LockTimeout >= time.Second, "db.lock_timeout: must be at least 1s")
	must(c.LockTimeout%time.Second == 0, "db.lock_timeout: must be whole seconds")
	must(c.ReplicaTimeout > 0, "db.replica_timeout: must be positive")
	must(c.BusyTimeout > 0, "db.busy_timeout: must be positive")
	must(c.ConnMaxLifetime > 0, "db.conn_max_lifetime: must be positive")
	return errors.Join(errs...)
}
