package db

import (
	"database/sql"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// newBun wraps a pool. Columns of a result that this program does not know are ignored: a newer release may
// have added them, and this one has to go on beside it.
func newBun(pool *sql.DB, dialect schema.Dialect) *bun.DB {
	return bun.NewDB(pool, dialect, bun.WithDiscardUnknownColumns())
}
