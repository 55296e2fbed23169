package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/feature"
	"github.com/uptrace/bun/dialect/mysqldialect"
)

const (
	// connectTimeout bounds the first contact with a server.
	connectTimeout = 10 * time.Second
	// ioGrace is how much longer than a statement's time limit the client waits for an answer.
	ioGrace = 5 * time.Second
)

// openMySQL connects to the primary. Replicas are optional and need not answer: they are taken to be the same
// kind of server as the primary.
func (d *DB) openMySQL(ctx context.Context, cfg Config) error {
	d.name = "mysql"
	conf, err := parseDSN("db.dsn", cfg.DSN)
	if err != nil {
		return err
	}
	kind, err := probe(ctx, conf)
	if err != nil {
		return explainMySQL("db.dsn", conf, err)
	}
	if d.writer, err = d.mysqlPool(cfg, conf, kind, cfg.StatementTimeout); err != nil {
		return err
	}
	d.primary = d.writer
	d.patient = func() (*bun.DB, error) {
		pool, err := d.mysqlPool(cfg, conf, kind, 0)
		if err == nil {
			pool.SetMaxOpenConns(2)
		}
		return pool, err
	}
	for i, dsn := range cfg.ReplicaDSNs {
		name := fmt.Sprintf("replica-%d", i+1)
		conf, err := parseDSN(fmt.Sprintf("db.replica_dsns (number %d)", i+1), dsn)
		if err != nil {
			return err
		}
		pool, err := d.mysqlPool(cfg, conf, kind, cfg.StatementTimeout)
		if err != nil {
			return err
		}
		d.replicas = append(d.replicas, &replica{name: name, pool: pool, timeout: cfg.ReplicaTimeout})
	}
	return d.ping(ctx, d.primary)
}

// parseDSN reads a DSN and sets what the SQL of this project relies on. Errors name setting.
func parseDSN(setting, dsn string) (*mysql.Config, error) {
	conf, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("%s is not of the form user:password@tcp(host:port)/database: %w", setting, err)
	}
	if conf.DBName == "" {
		return nil, fmt.Errorf("%s names no database: user:password@tcp(host:port)/database", setting)
	}
	conf.Collation = "utf8mb4_bin"
	conf.InterpolateParams = true
	conf.ParseTime = true
	conf.Loc = time.UTC
	// Rows that match count as affected, changed or not, as on SQLite.
	conf.ClientFoundRows = true
	conf.RejectReadOnly = true
	conf.MultiStatements = false
	conf.Logger = &mysql.NopLogger{} // what it would log comes back as errors, too
	if conf.Timeout == 0 {
		conf.Timeout = 5 * time.Second
	}
	return conf, nil
}

// probe connects once and asks which kind of server it is.
func probe(ctx context.Context, conf *mysql.Config) (kind, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	connector, err := mysql.NewConnector(conf.Clone())
	if err != nil {
		return 0, fmt.Errorf("prepare the connection: %w", err)
	}
	pool := sql.OpenDB(connector)
	var version string
	if err := pool.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return 0, errors.Join(err, pool.Close())
	}
	if err := pool.Close(); err != nil {
		return 0, fmt.Errorf("close the first connection: %w", err)
	}
	return kindOf(version)
}

// mysqlPool opens a pool, which connects at its first use. limit is after how long the server ends a
// statement; 0 or less: never.
func (d *DB) mysqlPool(cfg Config, conf *mysql.Config, k kind, limit time.Duration) (*bun.DB, error) {
	conf = conf.Clone()
	if conf.Params == nil {
		conf.Params = map[string]string{}
	}
	for name, value := range k.session(max(limit, 0), cfg.LockTimeout) {
		conf.Params[name] = value
	}
	if limit > 0 {
		// A server that stands still ends no statements, so the client has to.
		conf.ReadTimeout = orDefault(conf.ReadTimeout, limit+ioGrace)
		conf.WriteTimeout = orDefault(conf.WriteTimeout, limit+ioGrace)
	}
	connector, err := mysql.NewConnector(conf)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to %s: %w", conf.Addr, err)
	}
	pool := told(cfg.Told, connector)
	pool.SetMaxOpenConns(cfg.MaxOpen)
	pool.SetMaxIdleConns(cfg.MaxIdle)
	pool.SetConnMaxLifetime(cfg.ConnMaxLifetime)
	b := newBun(pool, sameDialect{mysqldialect.New()})
	return b.WithQueryHook(d.hook), nil
}

// kind is MariaDB or MySQL.
type kind int

const (
	kindMySQL kind = iota + 1
	kindMariaDB
)

// session returns the variables that each connection sets.
func (k kind) session(limit, lock time.Duration) map[string]string {
	out := map[string]string{
		"time_zone":                "'+00:00'",
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
		"innodb_lock_wait_timeout": strconv.Itoa(int(lock.Seconds())),
	}
	if k == kindMySQL {
		out["transaction_isolation"] = "'READ-COMMITTED'"
		out["max_execution_time"] = strconv.FormatInt(limit.Milliseconds(), 10)
		return out
	}
	out["tx_isolation"] = "'READ-COMMITTED'"
	out["max_statement_time"] = strconv.FormatFloat(limit.Seconds(), 'f', 3, 64)
	// A long list of keys is not turned into a table, which could be joined, and so lock its rows, in any
	// order.
	out["in_predicate_conversion_threshold"] = "0"
	return out
}

// sameDialect makes MariaDB and MySQL alike: the dialect would use RETURNING on one of them only.
type sameDialect struct{ *mysqldialect.Dialect }

// Features implements schema.Dialect.
func (s sameDialect) Features() feature.Feature {
	return s.Dialect.Features().Remove(feature.InsertReturning | feature.DeleteReturning)
}
