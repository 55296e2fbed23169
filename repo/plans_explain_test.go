//go:build !race

package repo_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gochat/gochat/infra/db"
)

// rowsBound is how many rows of one table a statement may be expected to look at.
const rowsBound = 5000

// small are tables that have a handful of rows for ever.
var small = []string{"store_epoch", "search_backfill", "write_probe", "webhook_hooks", "schema_breaks", "h"}

// dear says in words what a statement does that grows with the data; nothing when it is right.
func dear(ctx context.Context, d *db.DB, s sample) (out []string, err error) {
	begin, read := "EXPLAIN QUERY PLAN ", sqliteDear
	if d.Driver() == db.MySQL {
		if !strings.Contains(s.query, "SELECT") && (strings.HasPrefix(s.query, "INSERT") || strings.HasPrefix(s.query, "REPLACE")) {
			return nil, nil // rows that are given are all that there is to it
		}
		begin, read = "EXPLAIN ", mysqlDear
	}
	rows, err := d.Writer().DB.QueryContext(ctx, begin+s.query, s.args...)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row, err := named(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, read(row)...)
	}
	if ordered := !slices.ContainsFunc(out, sortsRows); ordered && strings.Contains(s.query, "LIMIT") {
		// It stops where it has enough, which the server's figure leaves out.
		out = slices.DeleteFunc(out, func(what string) bool { return strings.HasPrefix(what, "looks at") })
	}
	return slices.Compact(out), rows.Err()
}

func sortsRows(what string) bool { return strings.HasPrefix(what, "Using") }

// named reads a row, whose columns differ from server to server.
func named(rows *sql.Rows) (map[string]string, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i, c := range columns {
		out[strings.ToLower(c)] = values[i].String
	}
	return out, nil
}

// sqliteDear reads a line like "SCAN m USING INDEX x" or "USE TEMP B-TREE FOR ORDER BY".
func sqliteDear(row map[string]string) []string {
	what := row["detail"]
	words := strings.Fields(what)
	switch {
	case strings.HasPrefix(what, "USE TEMP B-TREE"), strings.Contains(what, "AUTOMATIC"):
		return []string{what}
	case len(words) < 2 || words[0] != "SCAN", slices.Contains(small, words[1]):
		return nil
	case strings.HasSuffix(what, "CONSTANT ROW"), strings.HasSuffix(what, "VALUES CLAUSE"):
		return nil
	}
	return []string{what}
}

func mysqlDear(row map[string]string) (out []string) {
	table := row["table"]
	if table == "" || strings.HasPrefix(table, "<") || slices.Contains(small, table) {
		table = ""
	}
	if how := row["type"]; table != "" && (how == "ALL" || how == "index") {
		out = append(out, fmt.Sprintf("reads all of %s (%s %s)", table, how, row["key"]))
	}
	if n, err := strconv.Atoi(row["rows"]); table != "" && err == nil && n > rowsBound {
		out = append(out, fmt.Sprintf("looks at %d rows of %s", n, table))
	}
	for _, word := range []string{"Using filesort", "Using temporary", "Using join buffer"} {
		if strings.Contains(row["extra"], word) {
			out = append(out, word)
		}
	}
	return out
}
