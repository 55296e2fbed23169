package sqlstore

import (
	"context"
	"fmt"

	"github.com/uptrace/bun/migrate"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// breaksTable names the migrations that programs which do not know them cannot work with.
const breaksTable = "schema_breaks"

// Newer returns the names of the migrations that a newer program applied and this one does not
// know, in their order. This program works with such a schema, unless the error wraps
// store.ErrNewerSchema: schema_breaks says that programs without a migration must not run, or the
// schema also lacks a migration of this program, as the schema of no later release does.
func Newer(ctx context.Context, d *db.DB) ([]string, error) {
	list, err := MigrationStatus(ctx, d)
	if err != nil {
		return nil, err
	}
	return newer(list)
}

func newer(list []MigrationState) (unknown []string, err error) {
	lacks := ""
	for _, one := range list {
		switch {
		case one.Breaks:
			return nil, fmt.Errorf("%w: migration %s of a newer gochat says that programs without it cannot work", store.ErrNewerSchema, one.Name)
		case one.Unknown:
			unknown = append(unknown, one.Name)
		case one.AppliedAt.IsZero() && lacks == "":
			lacks = one.Name
		}
	}
	if len(unknown) > 0 && lacks != "" {
		return nil, fmt.Errorf("%w: migration %s is applied and unknown here, and %s of this program is not applied; "+
			"a program that knows both has to run \"gochat migrate up\"", store.ErrNewerSchema, unknown[0], lacks)
	}
	return unknown, nil
}

// refuseUnknown returns store.ErrNewerSchema when a migration of a newer program is applied. Taking
// an older migration back would remove tables or columns that the newer program's depend on.
func refuseUnknown(ctx context.Context, d *db.DB) error {
	list, err := MigrationStatus(ctx, d)
	if err != nil {
		return err
	}
	for _, one := range list {
		if one.Unknown {
			return fmt.Errorf("%w: migration %s is unknown here, and only a program that knows it can take it back", store.ErrNewerSchema, one.Name)
		}
	}
	return nil
}

// breaks sets Breaks in list for the migrations in schema_breaks that known lacks. A name is
// written there before its migration is applied, so that list may not have the migration yet.
func breaks(ctx context.Context, d *db.DB, known *migrate.Migrations, list map[string]MigrationState) error {
	there, err := tableExists(ctx, d, breaksTable)
	if err != nil || !there {
		return err
	}
	mine := map[string]bool{}
	for _, one := range known.Sorted() {
		mine[one.Name] = true
	}
	var names []string
	if err := d.Writer().NewSelect().Table(breaksTable).Column("name").Scan(ctx, &names); err != nil {
		return fmt.Errorf("read which migrations break programs of before: %w", err)
	}
	for _, name := range names {
		if !mine[name] {
			one := list[name]
			one.Name, one.Unknown, one.Breaks = name, true, true
			list[name] = one
		}
	}
	return nil
}
