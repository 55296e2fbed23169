// Package db opens the SQL database: one pool that writes, pools that read,
// the same for SQLite in a file and for MySQL or MariaDB with replicas.
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
	DSN string `mapstructure:"dsn"`
	// ReplicaDSNs are MySQL replicas for reads that may be a little behind.
	ReplicaDSNs []string `mapstructure:"replica_dsns"`
	// MaxOpen and MaxIdle bound each MySQL pool; defaults 32 and 16.
	MaxOpen int `mapstructure:"max_open"`
	MaxIdle int `mapstructure:"max_idle"`
	// Readers is the number of SQLite connections that read; default 4.
	Readers int `mapstructure:"readers"`
	// ConnMaxLifetime is how long a MySQL connection is used; default 30 min.
	ConnMaxLifetime time.Duration `mapstructure:"conn_max_lifetime"`
	// SlowQuery is from when on a query is logged; default 200 ms, negative never.
	SlowQuery time.Duration `mapstructure:"slow_query"`
	// BusyTimeout is how long SQLite waits for another process's lock; default 5 s.
	BusyTimeout time.Duration `mapstructure:"busy_timeout"`
}

// DefaultConfig is SQLite with every default filled in; Path is left to the
// caller.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	if c.Driver == "" {
		c.Driver = SQLite
	}
	c.MaxOpen = orDefault(c.MaxOpen, 32)
	c.MaxIdle = orDefault(c.MaxIdle, 16)
	c.Readers = orDefault(c.Readers, 4)
	c.ConnMaxLifetime = orDefault(c.ConnMaxLifetime, 30*time.Minute)
	c.SlowQuery = orDefault(c.SlowQuery, 200*time.Millisecond)
	c.BusyTimeout = orDefault(c.BusyTimeout, 5*time.Second)
	return c
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	switch c.Driver {
	case SQLite:
		if c.Path == "" {
			errs = append(errs, errors.New("path: needed with driver sqlite"))
		}
		if len(c.ReplicaDSNs) > 0 {
			errs = append(errs, errors.New("replica_dsns: only with driver mysql"))
		}
	case MySQL:
		if c.DSN == "" {
			errs = append(errs, errors.New("dsn: needed with driver mysql"))
		}
	default:
		errs = append(errs, fmt.Errorf("driver: %q is neither sqlite nor mysql", c.Driver))
	}
	if c.MaxOpen < 2 || c.MaxIdle < 0 || c.Readers < 1 {
		errs = append(errs, errors.New("max_open must be at least 2, max_idle not negative, readers at least 1"))
	}
	return errors.Join(errs...)
}
