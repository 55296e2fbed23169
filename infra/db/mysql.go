package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/feature"
	"github.com/uptrace/bun/dialect/mysqldialect"
)

func (d *DB) openMySQL(ctx context.Context, cfg Config) error {
	d.name = "mysql"
	pool, err := d.mysqlPool(ctx, cfg, cfg.DSN)
	if err != nil {
		return fmt.Errorf("open the primary: %w", err)
	}
	d.writer, d.primary = pool, pool
	for i, dsn := range cfg.ReplicaDSNs {
		replica, err := d.mysqlPool(ctx, cfg, dsn)
		if err != nil {
			return fmt.Errorf("open replica %d: %w", i+1, err)
		}
		d.replicas = append(d.replicas, replica)
	}
	return nil
}

func (d *DB) mysqlPool(ctx context.Context, cfg Config, dsn string) (*bun.DB, error) {
	conf, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("parse the DSN: %w", err)
	}
	// What the SQL of this project relies on is not left to the DSN.
	conf.Collation = "utf8mb4_bin"
	conf.InterpolateParams = true
	conf.ParseTime = true
	conf.Loc = time.UTC
	// Rows that match count as affected, changed or not, as on SQLite.
	conf.ClientFoundRows = true
	conf.RejectReadOnly = true
	if conf.Params == nil {
		conf.Params = map[string]string{}
	}
	conf.Params["time_zone"] = "'+00:00'"
	conf.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"
	if conf.Timeout == 0 {
		conf.Timeout = 5 * time.Second
	}
	connector, err := mysql.NewConnector(conf)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection: %w", err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(cfg.MaxOpen)
	pool.SetMaxIdleConns(cfg.MaxIdle)
	pool.SetConnMaxLifetime(cfg.ConnMaxLifetime)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close() //nolint:errcheck // the ping's error says it
		return nil, fmt.Errorf("connect to %s: %w", conf.Addr, err)
	}
	b := bun.NewDB(pool, sameDialect{mysqldialect.New()})
	return b.WithQueryHook(d.hook), nil
}

// sameDialect makes MariaDB and MySQL alike: the dialect would use RETURNING
// on one of them only.
type sameDialect struct{ *mysqldialect.Dialect }

// Features implements schema.Dialect.
func (s sameDialect) Features() feature.Feature {
	return s.Dialect.Features().Remove(feature.InsertReturning | feature.DeleteReturning)
}
