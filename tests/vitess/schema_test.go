// Package vitess_test asks Vitess's planner which shards GoChat's statements touch. It is a module of its own,
// to keep Vitess's dependencies out of the program.
package vitess_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitess.io/vitess/go/vt/sqlparser"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tables has the tables after all MySQL migrations, and those of the lookup vindexes, by name.
type tables map[string]*sqlparser.CreateTable

func readTables(t *testing.T, parser *sqlparser.Parser) tables {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "repo/store/sqlstore/migrations/mysql/*.up.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations: %v, found %d", err, len(files))
	}
	slices.Sort(files)
	out := tables{}
	for _, file := range append(files, filepath.Join(root, "deploy/vitess/lookup.sql")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range strings.Split(string(text), "--bun:split") {
			stmt, err := parser.Parse(strings.TrimSuffix(strings.TrimSpace(query), ";"))
			if err == nil {
				err = out.apply(stmt)
			}
			if err != nil {
				t.Fatalf("%s: %v", filepath.Base(file), err)
			}
		}
	}
	return out
}

// apply applies a statement of a migration to the tables; statements on rows are ignored.
func (ts tables) apply(stmt sqlparser.Statement) error {
	switch stmt := stmt.(type) {
	case *sqlparser.CreateTable:
		if name := stmt.Table.Name.String(); ts[name] == nil {
			ts[name] = stmt
		}
		return nil
	case *sqlparser.AlterTable:
		table := ts[stmt.Table.Name.String()]
		if table == nil {
			return fmt.Errorf("%s is altered and was not created", stmt.Table.Name.String())
		}
		for _, option := range stmt.AlterOptions {
			if err := alter(table.TableSpec, option); err != nil {
				return fmt.Errorf("%s: %w", stmt.Table.Name.String(), err)
			}
		}
		return nil
	case *sqlparser.Insert:
		return nil
	}
	return fmt.Errorf("a migration has a %T, which this test cannot follow", stmt)
}

func alter(spec *sqlparser.TableSpec, option sqlparser.AlterOption) error {
	switch option := option.(type) {
	case *sqlparser.AddColumns:
		spec.Columns = append(spec.Columns, option.Columns...)
	case *sqlparser.AddIndexDefinition:
		spec.Indexes = append(spec.Indexes, option.IndexDefinition)
	case *sqlparser.ModifyColumn:
		i := slices.IndexFunc(spec.Columns, func(c *sqlparser.ColumnDefinition) bool { return c.Name.Equal(option.NewColDefinition.Name) })
		if i < 0 {
			return fmt.Errorf("no column %s", option.NewColDefinition.Name)
		}
		spec.Columns[i] = option.NewColDefinition
	case *sqlparser.DropColumn:
		spec.Columns = slices.DeleteFunc(spec.Columns, func(c *sqlparser.ColumnDefinition) bool { return c.Name.Equal(option.Name.Name) })
	default:
		return fmt.Errorf("a migration has a %T, which this test cannot follow", option)
	}
	return nil
}

// ddl returns the statements that create the tables.
func (ts tables) ddl() string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		out.WriteString(sqlparser.String(ts[name]) + ";\n")
	}
	return out.String()
}
