//go:build !race

package repo_test

import (
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/gochat/gochat/infra/db"
)

// sample is a statement with the values that it was run with.
type sample struct {
	query string
	args  []any
}

// digest is all statements that differ only in their values and in the number of values.
type digest struct {
	count int
	// first and longest may have different plans: a server looks at how many keys it is asked for.
	first, longest sample
}

// listener notes which statements were run, and by which exported methods of the store.
type listener struct {
	mu      sync.Mutex
	driver  db.Driver
	digests map[string]*digest
	methods map[string]bool
	// shapes are the statements of the store's methods, with those that run them.
	shapes map[string]map[string]bool
}

func listen(driver db.Driver) *listener {
	return &listener{driver: driver, digests: map[string]*digest{}, methods: map[string]bool{}, shapes: map[string]map[string]bool{}}
}

// planned has the beginnings of statements that have a plan. Settings of connections have none.
var planned = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"}

// catalogue is what a start asks about the schema.
var catalogue = regexp.MustCompile(`bun_migration|sqlite_master|pragma_table_info|information_schema|_LOCK\(|VERSION\(\)|DATABASE\(\)`)

func (l *listener) tell(query string, args []any) {
	word, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	if !slices.Contains(planned, strings.ToUpper(word)) || catalogue.MatchString(query) {
		return
	}
	name, methods := digestOf(l.driver, query), callers()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range methods {
		l.methods[m] = true
	}
	l.note(query, args, methods)
	d := l.digests[name]
	if d == nil {
		d = &digest{first: sample{query, args}}
		l.digests[name] = d
	}
	d.count++
	if len(query) > len(d.longest.query) {
		d.longest = sample{query, args}
	}
}

// heard returns the digests in the order of their texts.
func (l *listener) heard() (names []string, digests map[string]*digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.digests)), maps.Clone(l.digests)
}

const (
	storeMethods = "github.com/gochat/gochat/repo/store/sqlstore.(*Store)."
	// savers store for all who called Save, in a goroutine of their own.
	savers = "github.com/gochat/gochat/repo/store/sqlstore.(*lane).attempt"
)

// callers are the methods of the store that are running in this goroutine.
func callers() (out []string) {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if name, of := strings.CutPrefix(frame.Function, storeMethods); of {
			name, _, _ = strings.Cut(name, ".") // without its closures
			out = append(out, name)
		} else if frame.Function == savers {
			out = append(out, "Save")
		}
		if !more {
			return out
		}
	}
}

var (
	textOf = map[db.Driver]*regexp.Regexp{
		db.SQLite: regexp.MustCompile(`[xX]?'(?:[^']|'')*'`),
		db.MySQL:  regexp.MustCompile(`[xX]?'(?:[^'\\]|''|\\.)*'`),
	}
	number = regexp.MustCompile(`-?\b(?:0[xX][0-9a-fA-F]+|\d+)\b`)
	spaces = regexp.MustCompile(`\s+`)
	list   = regexp.MustCompile(`\?(?:, ?\?)+`)
	rows   = regexp.MustCompile(`(\([^()]*\))(?:, ?\([^()]*\))+`)
)

// digestOf is the text of a statement without values, and with one of each list.
func digestOf(driver db.Driver, query string) string {
	query = textOf[driver].ReplaceAllString(query, "?")
	query = number.ReplaceAllString(query, "?")
	query = strings.TrimSpace(spaces.ReplaceAllString(query, " "))
	query = list.ReplaceAllString(query, "?")
	query = rows.ReplaceAllString(query, "$1")
	for _, between := range []string{" UNION ALL ", " OR "} {
		query = strings.Join(slices.Compact(strings.Split(query, between)), between)
	}
	return query
}
