package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/gochat/gochat/infra/private"
)

// ErrNoSnapshot is returned where the database's own tools make copies.
var ErrNoSnapshot = errors.New("only an embedded database can be copied from here")

// Snapshot writes all data that is committed at its call, without remains of what was deleted, into a new
// database file of mode 0600; path must not exist. Others read and write meanwhile, and the database's log
// grows until Snapshot ends. ErrNoSnapshot on MySQL.
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

// Forget runs statements that delete something, and leaves no trace of it in the file. ErrNoSnapshot on
// MySQL.
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
