package sqlstore

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/gochat/gochat/infra/db"
)

// A migration must be able to run again. MySQL commits each statement that changes the schema by
// itself, so that a migration that is killed leaves some statements done. On SQLite a migration is
// one transaction, but the note that it was applied is written after it, and the process may be
// killed or the disk be full in between. In both cases all statements run again at the next start.
// MariaDB has ADD COLUMN IF NOT EXISTS for this, which MySQL and SQLite lack: so columns and keys
// are looked up before a statement runs, on all of them.

// step is one statement of a migration that may run again.
type step struct {
	driver  db.Driver
	query   string
	parts   string   // the key by which rows are copied in parts; "": the statement runs at once
	table   string   // of ALTER TABLE
	changes []change // of ALTER TABLE; none: the statement can run again as it is
}

// change is one part of ALTER TABLE: what is done ("ADD COLUMN"), with which column or key, and
// how it is then.
type change struct{ verb, column, rest string }

var (
	sqlComment  = regexp.MustCompile(`(?m)^\s*--.*$`)
	splitLine   = regexp.MustCompile(`(?m)^--bun:split$`)
	alterTable  = regexp.MustCompile("(?is)^ALTER TABLE `?(\\w+)`?\\s+(.*)$")
	alterColumn = regexp.MustCompile("(?is)^(ADD COLUMN|DROP COLUMN|MODIFY|ADD KEY|DROP KEY|RENAME TO) `?(\\w+)`?(.*)$")
)

// runsAgain has the beginnings of statements other than ALTER TABLE that can run again as they are.
var runsAgain = map[db.Driver][]string{
	db.MySQL:  {"CREATE TABLE IF NOT EXISTS ", "DROP TABLE IF EXISTS ", "INSERT IGNORE INTO "},
	db.SQLite: {"CREATE TABLE IF NOT EXISTS ", "DROP TABLE IF EXISTS ", "INSERT OR IGNORE INTO ", "CREATE INDEX IF NOT EXISTS ", "CREATE UNIQUE INDEX IF NOT EXISTS ", "DROP INDEX IF EXISTS "},
}

func bearsAgain(driver db.Driver, query string) bool {
	words := strings.ToUpper(strings.Join(strings.Fields(query), " "))
	return slices.ContainsFunc(runsAgain[driver], func(begin string) bool { return strings.HasPrefix(words, begin) })
}

// endings are the ends of the files' names before "up.sql" and "down.sql".
var endings = map[db.Driver]string{db.MySQL: ".", db.SQLite: ".tx."}

// inSteps returns how the file of a migration is run, up or down.
func inSteps(driver db.Driver, files fs.FS, m migrate.Migration, way string, w *watch) (func(context.Context, *migrate.Migrator, *migrate.Migration) error, error) {
	name := m.Name + "_" + m.Comment + endings[driver] + way + ".sql"
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("a migration goes both ways: %w", err)
	}
	steps, err := readSteps(driver, string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return func(ctx context.Context, on *migrate.Migrator, _ *migrate.Migration) error {
		if driver == db.MySQL {
			return runAll(ctx, on.DB(), steps, w)
		}
		alone := aloneIn(steps)
		if err := runAll(ctx, on.DB(), steps[:alone], w); err != nil {
			return err
		}
		return on.DB().RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return runAll(ctx, tx, steps[alone:], w) })
	}, nil
}

func runAll(ctx context.Context, on bun.IDB, steps []step, w *watch) error {
	for _, one := range steps {
		if err := one.run(ctx, on, w); err != nil {
			return err
		}
	}
	return nil
}

// readSteps splits the text of a migration into steps, and refuses a statement that cannot run again.
func readSteps(driver db.Driver, text string) ([]step, error) {
	var out []step
	for _, text := range splitLine.Split(text, -1) {
		parts := partsLine.FindStringSubmatch(text)
		query := strings.TrimSpace(sqlComment.ReplaceAllString(text, ""))
		query = strings.TrimSpace(strings.TrimSuffix(query, ";"))
		if query == "" {
			continue
		}
		s := step{driver: driver, query: query}
		if parts != nil {
			s.parts = parts[1]
		}
		if m := alterTable.FindStringSubmatch(query); m != nil {
			s.table = m[1]
			var err error
			if s.changes, err = readChanges(m[2]); err != nil {
				return nil, err
			}
		} else if !bearsAgain(driver, query) {
			return nil, fmt.Errorf("%.60q… may not bear to run twice; what does is ALTER TABLE with ADD COLUMN, DROP COLUMN, MODIFY, ADD KEY, DROP KEY and RENAME TO, and %s",
				query, strings.Join(runsAgain[driver], ", "))
		}
		out = append(out, s)
	}
	return out, nil
}

func readChanges(text string) ([]change, error) {
	var out []change
	for _, one := range splitList(text) {
		m := alterColumn.FindStringSubmatch(strings.TrimSpace(one))
		if m == nil || strings.EqualFold(m[2], "IF") {
			return nil, fmt.Errorf("%q is not ADD COLUMN, DROP COLUMN, MODIFY, ADD KEY, DROP KEY or RENAME TO, and may not bear to run twice", one)
		}
		out = append(out, change{verb: strings.ToUpper(m[1]), column: m[2], rest: m[3]})
	}
	return out, nil
}

// splitList splits at commas that are neither in parentheses nor in quotes.
func splitList(text string) (out []string) {
	depth, quoted, from := 0, false, 0
	for i, c := range text {
		switch {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out, from = append(out, text[from:i]), i+1
		}
	}
	return append(out, text[from:])
}

// keyMark stands before the names of keys, among those of columns.
const keyMark = "key "

func (c change) done(there map[string]bool) bool {
	name := strings.ToLower(c.column)
	switch c.verb {
	case "ADD COLUMN":
		return there[name]
	case "DROP COLUMN":
		return !there[name]
	case "ADD KEY":
		return there[keyMark+name]
	case "DROP KEY":
		return !there[keyMark+name]
	case "RENAME TO":
		return len(there) == 0 // it has the new name
	}
	return false
}

// left is the statement without what is done already, "" when all of it is.
func (s step) left(columns map[string]bool) string {
	if s.table == "" {
		return s.query
	}
	var todo []string
	for _, c := range s.changes {
		if !c.done(columns) {
			todo = append(todo, c.verb+" `"+c.column+"`"+c.rest)
		}
	}
	if len(todo) == 0 {
		return ""
	}
	return "ALTER TABLE `" + s.table + "` " + strings.Join(todo, ", ")
}

// alterAttempts is how often a statement is written anew because another connection
// changed the table meanwhile.
const alterAttempts = 3

// run runs what is left of the step. A server may still be running the ALTER TABLE of a process that
// was killed: the statement then waits, fails because its columns exist, and is written anew.
func (s step) run(ctx context.Context, pool bun.IDB, w *watch) error {
	if s.parts != "" {
		return s.copyInParts(ctx, pool, w)
	}
	for try := 1; ; try++ {
		var columns map[string]bool
		if s.table != "" {
			var err error
			if columns, err = s.columns(ctx, pool); err != nil {
				return err
			}
		}
		query := s.left(columns)
		if query == "" {
			return nil
		}
		w.next(s.table != "")
		_, err := pool.NewRaw(query).Exec(ctx)
		w.next(false)
		if err == nil || !db.IsColumnChanged(err) || s.table == "" || try == alterAttempts {
			return err
		}
	}
}

// columns returns the columns of the step's table and, on MySQL, its keys with keyMark before their
// names.
func (s step) columns(ctx context.Context, pool bun.IDB) (map[string]bool, error) {
	query, args := "SELECT LOWER(name) FROM pragma_table_info(?)", []any{s.table}
	if s.driver == db.MySQL {
		query = "SELECT LOWER(column_name) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?" +
			" UNION SELECT CONCAT('" + keyMark + "', LOWER(index_name)) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ?"
		args = append(args, s.table)
	}
	var names []string
	if err := pool.NewRaw(query, args...).Scan(ctx, &names); err != nil {
		return nil, fmt.Errorf("look for the columns of %s: %w", s.table, err)
	}
	out := map[string]bool{}
	for _, name := range names {
		out[name] = true
	}
	return out, nil
}
