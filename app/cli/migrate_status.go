package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// reportNewer prints the migrations that a newer gochat has applied, if there are any.
func reportNewer(ctx context.Context, d *db.DB, w io.Writer) error {
	unknown, err := sqlstore.Newer(ctx, d)
	if err != nil || len(unknown) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(w, "a newer gochat applied %s; this one works beside it\n", strings.Join(unknown, ", ")); err != nil {
		return fmt.Errorf("print the migrations of a newer gochat: %w", err)
	}
	return nil
}

// errPending makes "migrate status" end with exit code 1 when migrations are pending.
var errPending = errors.New(`migrations are pending; "gochat migrate up" applies them`)

func migrationStatus(ctx context.Context, d *db.DB, w io.Writer) error {
	list, err := sqlstore.MigrationStatus(ctx, d)
	if err != nil {
		return err
	}
	pending := false
	for _, one := range list {
		state := "applied " + one.AppliedAt.UTC().Format(time.DateTime)
		switch {
		case one.Breaks:
			state = "of a newer gochat, with which this one cannot work"
		case one.Unknown:
			state += ", of a newer gochat; this one can work with it"
		case one.AppliedAt.IsZero():
			state, pending = "pending", true
		}
		if _, err := fmt.Fprintf(w, "%-30s %s\n", one.Name, state); err != nil {
			return fmt.Errorf("print the migrations: %w", err)
		}
	}
	if _, err := sqlstore.Newer(ctx, d); err != nil {
		return err
	}
	if pending {
		return errPending
	}
	return nil
}
