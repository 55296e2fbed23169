package vitess_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	save = "Save"
	page = "docs/scaling-sql.md"
	head = "| method | statement | shards |\n| --- | --- | --- |\n"
)

// way lists the methods of the store on a message's way from its sender to its receivers, and those by
// which a client pulls missed messages.
var way = []string{
	save, "CheckTokens", "Use", "See", "EnsureSingle", "BeginSingles", "Facts", "Standings", "ByClientID", "Tips", "Groups", "Recipients", "Spans", "Page",
	"Memberships", "List", "Conversation", "MarkRead", "MarkDelivered", "Readers",
}

func (s statement) onTheWay() bool {
	return slices.ContainsFunc(s.methods, func(m string) bool { return slices.Contains(way, m) })
}

var tableOf = regexp.MustCompile("(?:FROM|JOIN|INTO|UPDATE) `?([a-z_]+)`?")

// row returns a line of the page's table: the first method of way that runs the statement, what it does to which tables,
// and where.
func (s statement) row(where string) string {
	method := ""
	for _, m := range way {
		if slices.Contains(s.methods, m) {
			method = m
			break
		}
	}
	verb, _, _ := strings.Cut(s.query, " ")
	var names []string
	plain, _, _ := strings.Cut(s.query, " ON DUPLICATE ")
	for _, m := range tableOf.FindAllStringSubmatch(plain, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	what := verb + " " + strings.Join(names, ", ")
	if strings.HasSuffix(s.query, " FOR UPDATE") {
		what += " FOR UPDATE"
	}
	if _, by, found := strings.Cut(s.query, " WHERE "); found && verb != "INSERT" {
		what += " by " + strings.Join(keyColumns(by), ", ")
	}
	return fmt.Sprintf("| %s | %s | %s |", method, what, where)
}

var column = regexp.MustCompile(`\(?((?:[a-z]+\.)?[a-z_]+(?:, (?:[a-z]+\.)?[a-z_]+)*)\)? (?:=|IN|>) \(?(?:\('t'|\(1|'t'|1)`)

// keyColumns returns the columns that a condition compares with a value.
func keyColumns(condition string) (out []string) {
	for _, m := range column.FindAllStringSubmatch(condition, -1) {
		for _, name := range strings.Split(m[1], ", ") {
			if _, bare, found := strings.Cut(name, "."); found {
				name = bare
			}
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// exception is a statement of the page's second table, which does not touch exactly one shard.
type exception struct{ part, where string }

var exceptionRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([a-z0-9 +]+) \\| [^|]+ \\| [^|]+ \\|$")

// exceptions returns the rows of the page's second table, each of which has to give a reason and a remedy.
func exceptions(t *testing.T) (out []exception) {
	t.Helper()
	_, table, _ := cut(t, read(t, page), "exceptions")
	for _, m := range exceptionRow.FindAllStringSubmatch(table, -1) {
		out = append(out, exception{m[1], m[2]})
	}
	if rows := strings.Count(strings.TrimSpace(table), "\n") - 1; len(out) != rows {
		t.Fatalf("%s has %d rows of exceptions, of which %d can be read", page, rows, len(out))
	}
	return out
}

// cut splits the page at one of its tables.
func cut(t *testing.T, text, name string) (before, table, after string) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n\n", "\n<!-- end of "+name+" -->"
	before, rest, found := strings.Cut(text, begin)
	table, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has no table between %q and %q", page, begin, end)
	}
	return before + begin, table, end + after
}

// held compares the page's first table with the rows; GOCHAT_WRITE_TABLE=1 writes the rows to the page instead.
func held(t *testing.T, rows map[string]bool) {
	t.Helper()
	table := head + strings.Join(slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
		return cmp.Or(position(a)-position(b), strings.Compare(a, b))
	}), "\n") + "\n"
	before, is, after := cut(t, read(t, page), "way")
	switch {
	case os.Getenv("GOCHAT_WRITE_TABLE") != "":
		if err := os.WriteFile(filepath.Join(root, page), []byte(before+table+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case is != table:
		t.Errorf("the first table of %s is not what Vitess says; GOCHAT_WRITE_TABLE=1 writes it anew. It would be:\n%s", page, table)
	}
}

// position returns the index of a row's method in way.
func position(row string) int {
	method, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
	return slices.Index(way, method)
}
