package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/gochat/gochat/infra/private"
)

// ErrNoSnapshot is returned where the database's own tools make copies.
var ErrNoSnapshot = errors.New("only an embedded database can be copied from here")

// Snapshot writes everything that is committed when it is called, and nothing that was deleted, into a
// database file of mode 0600, which must not be there yet. Others read and write meanwhile; the
// database's log grows by what they write until it ends. ErrNoSnapshot on MySQL.
func (d *DB) Snapshot(ctx context.Context, path string) error {
	if d.driver != SQLite {
		return ErrNoSnapshot
	}
	if err := private.File(path); err != nil { // SQLite would make it as wide as the mask lets it
		return fmt.Errorf("copy the database: %w", err)
	}
	if _, err := d.writer.DB.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("copy the database: %w", d.classify(err))
	}
	return nil
}

// Forget runs statements that take something out, so that no trace of it is left in the file.
// ErrNoSnapshot on MySQL.
func (d *DB) Forget(ctx context.Context, statements ...string) error {
	if d.driver != SQLite {
		return ErrNoSnapshot
	}
	for _, s := range append([]string{"PRAGMA secure_delete = ON"}, append(statements, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")...) {
		if _, err := d.writer.DB.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("take something out of the database: %w", d.classify(err))
		}
	}
	return nil
}
