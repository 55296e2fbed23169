package transfer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/gochat/gochat/infra/db"
)

// progressTable exists while an import is under way. Its one row says how far the import is, and is
// updated in the same transaction that stores the rows.
const progressTable = "import_progress"

// mark is how far an import is: all tables before number table are stored, and of the file of this table
// everything before offset, which is rows rows.
type mark struct {
	export string
	table  int
	offset int64
	rows   int64
}

// Pending returns ErrBegun when an import was begun and is not finished, so that the data is incomplete.
func Pending(ctx context.Context, d *db.DB) error {
	there, err := hasTable(ctx, d.Primary().DB, d.Driver(), progressTable)
	if err != nil || !there {
		return err
	}
	_, begun, err := readMark(ctx, d.Primary().DB)
	if err == nil && begun {
		err = ErrBegun
	}
	return err
}

// Vacant returns ErrNotEmpty when Import would: the database has data that no earlier, interrupted import of
// this export has stored. It changes nothing, and the tables need not exist.
func Vacant(ctx context.Context, d *db.DB, m *Manifest) error {
	_, _, err := vacant(ctx, d.Primary().DB, d.Driver(), m.ID)
	return err
}

// vacant is Vacant, and also returns how far the import is, when it was begun.
func vacant(ctx context.Context, pool *sql.DB, driver db.Driver, export string) (m mark, begun bool, err error) {
	there, err := hasTable(ctx, pool, driver, progressTable)
	if err == nil && there {
		m, begun, err = readMark(ctx, pool)
	}
	if err != nil {
		return m, false, err
	}
	if begun {
		if m.export != export {
			err = fmt.Errorf("%w: another import into it was begun, of the export %s; finish that one, or make the database anew", ErrNotEmpty, m.export)
		}
		return m, true, err
	}
	for _, t := range Tables {
		if there, err = hasTable(ctx, pool, driver, t.Name); err == nil && there {
			err = empty(ctx, pool, t)
		}
		if err != nil {
			return m, false, err
		}
	}
	return m, false, nil
}

func hasTable(ctx context.Context, pool *sql.DB, driver db.Driver, name string) (bool, error) {
	query := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
	if driver == db.MySQL {
		query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
	}
	var n int
	if err := pool.QueryRowContext(ctx, query, name).Scan(&n); err != nil {
		return false, fmt.Errorf("look for the table %s: %w", name, err)
	}
	return n > 0, nil
}

func readMark(ctx context.Context, pool *sql.DB) (m mark, begun bool, err error) {
	err = pool.QueryRowContext(ctx, "SELECT export_id, table_number, file_offset, row_count FROM "+progressTable+" WHERE id = 1").
		Scan(&m.export, &m.table, &m.offset, &m.rows)
	if errors.Is(err, sql.ErrNoRows) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("read how far the import is: %w", err)
	}
	return m, true, nil
}

// begin makes sure that the database is empty or has the beginning of this import, and returns how far
// the import is.
func begin(ctx context.Context, pool *sql.DB, driver db.Driver, export string) (mark, error) {
	m, begun, err := vacant(ctx, pool, driver, export)
	if begun || err != nil {
		return m, err
	}
	engine := ""
	if driver == db.MySQL {
		engine = " ENGINE=InnoDB"
	}
	if _, err := pool.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+progressTable+" (id INTEGER NOT NULL PRIMARY KEY, export_id VARCHAR(64) NOT NULL,"+
		" table_number INTEGER NOT NULL, file_offset BIGINT NOT NULL, row_count BIGINT NOT NULL)"+engine); err != nil {
		return m, fmt.Errorf("note that an import begins: %w", err)
	}
	m = mark{export: export}
	return m, inTx(ctx, pool, func(tx *sql.Tx) error {
		for _, t := range Tables {
			if t.Made == "" {
				continue
			}
			//nolint:gosec // the names and conditions are those of Tables
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+quoted(t.Name)+" WHERE "+t.Made); err != nil {
				return fmt.Errorf("take what a new store has out of %s: %w", t.Name, err)
			}
		}
		// A gochat that ran on the empty database may have finished the backfill of nothing.
		if _, err := tx.ExecContext(ctx, "UPDATE search_backfill SET conversation_id = '', block = 0, done = 0 WHERE id = 1"); err != nil {
			return fmt.Errorf("let the search index be made anew: %w", err)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO "+progressTable+" (id, export_id, table_number, file_offset, row_count) VALUES (1, ?, 0, 0, 0)", export)
		if err != nil {
			return fmt.Errorf("note that an import begins: %w", err)
		}
		return nil
	})
}

func empty(ctx context.Context, pool *sql.DB, t Table) error {
	query := "SELECT 1 FROM " + quoted(t.Name)
	if t.Made != "" {
		query += " WHERE NOT (" + t.Made + ")"
	}
	var one int
	err := pool.QueryRowContext(ctx, query+" LIMIT 1").Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look into %s: %w", t.Name, err)
	}
	return fmt.Errorf("%w: there are rows in %s; import into a new database", ErrNotEmpty, t.Name)
}

// save stores the mark, in the transaction that stores the rows before it.
func (m mark) save(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, "UPDATE "+progressTable+" SET table_number = ?, file_offset = ?, row_count = ? WHERE id = 1",
		m.table, m.offset, m.rows); err != nil {
		return fmt.Errorf("note how far the import is: %w", err)
	}
	return nil
}

// finish removes the mark: the import is complete.
func finish(ctx context.Context, pool *sql.DB) error {
	if _, err := pool.ExecContext(ctx, "DROP TABLE "+progressTable); err != nil {
		return fmt.Errorf("note that the import is finished: %w", err)
	}
	return nil
}

func inTx(ctx context.Context, pool *sql.DB, do func(*sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(tx); err != nil {
		if rb := tx.Rollback(); rb != nil && !errors.Is(rb, sql.ErrTxDone) {
			return errors.Join(err, fmt.Errorf("roll back: %w", rb))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
