//go:build !race

package repo_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
)

// statementsFile has every statement of the store on MySQL. tests/vitess asks Vitess which shards
// each of them touches; it is a module of its own, so that it reads them instead of running the store.
const statementsFile = "../tests/vitess/testdata/statements.sql"

const statementsHead = `-- Every statement of the store on MySQL, with the methods that run it; Save is the saver's transaction.
-- Texts are 't' and numbers 1, a list has one of each. The plans' test on MySQL holds it to the code:
--   GOCHAT_WRITE_STATEMENTS=1 go test -run TestPlansOnMySQL ./repo
`

// heldStatements compares the statements that were heard with those of the file.
func heldStatements(t *testing.T, heard *listener) {
	t.Helper()
	if heard.driver != db.MySQL {
		return
	}
	is := heard.statements()
	if os.Getenv("GOCHAT_WRITE_STATEMENTS") != "" {
		require.NoError(t, os.WriteFile(statementsFile, []byte(is), 0o644)) //nolint:gosec // a file of the repository
	}
	was, err := os.ReadFile(statementsFile)
	require.NoError(t, err)
	missing, more := lines(string(was)), lines(is)
	for line := range more {
		if missing[line] {
			delete(missing, line)
			delete(more, line)
		}
	}
	assert.Empty(t, slices.Sorted(maps.Keys(more)), "%s lacks statements of the code: its head says how to write it anew", statementsFile)
	assert.Empty(t, slices.Sorted(maps.Keys(missing)), "%s has statements that the code has no more", statementsFile)
}

func lines(text string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(text) {
		out[strings.TrimSpace(line)] = true
	}
	return out
}

// statements are the shapes that were heard, in the order of their texts, one a line.
func (l *listener) statements() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out strings.Builder
	out.WriteString(statementsHead)
	for _, shape := range slices.Sorted(maps.Keys(l.shapes)) {
		out.WriteString("\n" + shape + "; -- " + strings.Join(slices.Sorted(maps.Keys(l.shapes[shape])), ", "))
	}
	return out.String() + "\n"
}

// note adds a statement to the shapes, unless it is not the store's: a migration is none.
func (l *listener) note(query string, args []any, methods []string) {
	for _, method := range slices.Backward(methods) {
		if !unicode.IsUpper(rune(method[0])) {
			continue
		}
		shape := shapeOf(query, args)
		if l.shapes[shape] == nil {
			l.shapes[shape] = map[string]bool{}
		}
		l.shapes[shape][method] = true
		return
	}
}

var (
	inList = regexp.MustCompile(`IN \(('t'|1)(?:, ?(?:'t'|1))+\)`)
	inOR   = regexp.MustCompile(`\([^()]*\) OR `)
)

// shapeOf is a statement for MySQL that can be read again by a parser: each text in it is 't', each
// number 1, and a list has one element.
func shapeOf(query string, args []any) string {
	query = textOf[db.MySQL].ReplaceAllString(query, "'t'")
	query = number.ReplaceAllString(query, "1")
	query = strings.TrimSpace(spaces.ReplaceAllString(bound(query, args), " "))
	query = inList.ReplaceAllString(query, "IN ($1)")
	query = rows.ReplaceAllString(query, "$1")
	for _, part := range inOR.FindAllString(query, -1) {
		for strings.Contains(query, part+part) {
			query = strings.ReplaceAll(query, part+part, part)
		}
		one := strings.TrimSuffix(part, " OR ")
		query = strings.ReplaceAll(query, part+one, one)
	}
	return strings.Join(slices.Compact(strings.Split(query, " UNION ALL ")), " UNION ALL ")
}

// bound puts a value for each placeholder.
func bound(query string, args []any) string {
	var out strings.Builder
	for _, c := range query {
		if c != '?' || len(args) == 0 {
			out.WriteRune(c)
			continue
		}
		switch args[0].(type) {
		case string, []byte, nil:
			out.WriteString("'t'")
		default:
			out.WriteString("1")
		}
		args = args[1:]
	}
	return out.String()
}

func TestShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query string
		args  []any
		out   string
	}{
		{"SELECT a FROM t1 WHERE b IN (1, 2,3) AND c = 'it\\'s ?'  LIMIT 5", nil, "SELECT a FROM t1 WHERE b IN (1) AND c = 't' LIMIT 1"},
		{"SELECT a FROM t WHERE b IN (?,?) AND c = ?", []any{"x", "y", int64(-3)}, "SELECT a FROM t WHERE b IN ('t') AND c = 1"},
		{
			"INSERT INTO t (a, b) VALUES (?,?),(?,?) ON DUPLICATE KEY UPDATE b = VALUES(b)",
			[]any{int64(1), nil, int64(2), []byte("x")}, "INSERT INTO t (a, b) VALUES (1,'t') ON DUPLICATE KEY UPDATE b = VALUES(b)",
		},
		{"SELECT a WHERE (a = ? AND b > 7) OR (a = ? AND b > 8) OR (a = ? AND b > 9) ORDER BY a", []any{"x", "y", "z"}, "SELECT a WHERE (a = 't' AND b > 1) ORDER BY a"},
		{"SELECT ? AS n UNION ALL SELECT ? AS n", []any{int64(0), int64(1)}, "SELECT 1 AS n"},
	} {
		assert.Equal(t, c.out, shapeOf(c.query, c.args))
	}
}
