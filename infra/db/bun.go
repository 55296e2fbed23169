package db

import (
	"database/sql"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// newBun wraps a pool. What a query returns beyond what is known here is left out: a newer
// program may have added columns, and one of before goes on beside it.
func newBun(pool *sql.DB, dialect schema.Dialect) *bun.DB {
	return bun.NewDB(pool, dialect, bun.WithDiscardUnknownColumns())
}
