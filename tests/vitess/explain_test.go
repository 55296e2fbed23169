package vitess_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vitess.io/vitess/go/json2"
	"vitess.io/vitess/go/stats"
	"vitess.io/vitess/go/vt/log"
	vschemapb "vitess.io/vitess/go/vt/proto/vschema"
	"vitess.io/vitess/go/vt/topo/memorytopo"
	"vitess.io/vitess/go/vt/vtenv"
	"vitess.io/vitess/go/vt/vtexplain"
	"vitess.io/vitess/go/vt/vtgate/engine"
)

// shards is the number of shards of the keyspace gochat.
const shards = 8

const (
	sharded = "gochat"
	single  = "main"
)

func environment(t *testing.T) *vtenv.Environment {
	t.Helper()
	env, err := vtenv.New(vtenv.Options{MySQLServerVersion: "8.0.40"})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// planner returns Vitess's planner over tablets with the schema and without rows.
func planner(t *testing.T) *vtexplain.VTExplain {
	t.Helper()
	log.SwapLogger(slog.New(slog.DiscardHandler))
	env, ctx := environment(t), t.Context()
	made := readTables(t, env.Parser())
	topo := memorytopo.NewServer(ctx, vtexplain.Cell)
	counts := stats.NewCountersWithSingleLabel("", "", "type")
	opts := &vtexplain.Options{NumShards: shards, ReplicationMode: "ROW", ExecutionMode: vtexplain.ModeMulti, Normalize: true, StrictDDL: true}
	vte, err := vtexplain.Init(ctx, env, topo, known(t, made), made.ddl(), "", opts, counts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vte.Stop)
	return vte
}

// known returns the vschema with the columns of all tables, which a real vtgate learns from its tablets.
func known(t *testing.T, made tables) string {
	t.Helper()
	all := source(t)
	for _, keyspace := range all.GetKeyspaces() {
		for name, table := range keyspace.GetTables() {
			if made[name] == nil {
				continue
			}
			table.ColumnListAuthoritative = true
			for _, c := range made[name].TableSpec.Columns {
				table.Columns = append(table.Columns, &vschemapb.Column{Name: c.Name.String(), Type: c.Type.SQLType()})
			}
		}
	}
	text, err := json2.MarshalPB(all)
	if err != nil {
		t.Fatal(err)
	}
	var whole struct{ Keyspaces json.RawMessage }
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	return string(whole.Keyspaces)
}

// statement is an SQL statement of the store, and the methods that run it.
type statement struct {
	query   string
	methods []string
}

func statements(t *testing.T) (out []statement) {
	t.Helper()
	for line := range strings.Lines(read(t, "tests/vitess/testdata/statements.sql")) {
		query, methods, found := strings.Cut(strings.TrimSpace(line), "; -- ")
		if found {
			out = append(out, statement{query, strings.Split(methods, ", ")})
		}
	}
	if len(out) == 0 {
		t.Fatal("there are no statements")
	}
	return out
}

// touched tells which shards a statement touches.
type touched struct {
	// plan says how each part of the plan finds its shards.
	plan []string
	// shards are those of the sharded keyspace that are touched; main: the unsharded keyspace is touched.
	shards map[string]bool
	main   bool
	// refused is the reason why Vitess cannot plan the statement; empty: it can.
	refused string
}

// where returns the touched shards in a word or two, as the page's table has them.
func (d touched) where() string {
	scatters := slices.ContainsFunc(d.plan, func(part string) bool { return strings.HasSuffix(part, "Scatter") })
	var out []string
	switch n := len(d.shards); {
	case d.refused != "":
		return "refused"
	case scatters:
		out = append(out, "all")
	case n == 1 && d.parts() == 1:
		out = append(out, "one")
	case d.parts() > 0:
		out = append(out, fmt.Sprintf("%d by key", max(n, d.parts())))
	}
	if d.main {
		out = append(out, "main")
	}
	return strings.Join(out, " + ")
}

// parts returns the number of parts of the plan that go to the sharded keyspace.
func (d touched) parts() (n int) {
	for _, part := range d.plan {
		if strings.HasPrefix(part, sharded) {
			n++
		}
	}
	return n
}

func ask(t *testing.T, vte *vtexplain.VTExplain, query string) (out touched) {
	t.Helper()
	out.shards = map[string]bool{}
	defer func() {
		if what := recover(); what != nil { // vtexplain panics on some of the rows that it makes up
			out.refused = fmt.Sprint("vtexplain cannot follow it: ", what)
		}
	}()
	explains, err := vte.Run(query)
	if err != nil {
		out.refused = err.Error()
		return out
	}
	for _, one := range explains {
		for tablet := range one.TabletActions {
			keyspace, shard, _ := strings.Cut(tablet, "/")
			out.main = out.main || keyspace == single
			if keyspace == sharded {
				out.shards[shard] = true
			}
		}
		for _, plan := range one.Plans {
			out.plan = append(out.plan, routes(engine.PrimitiveToPlanDescription(plan.Instructions, nil))...)
		}
	}
	for _, part := range out.plan {
		out.main = out.main || strings.HasPrefix(part, single)
	}
	slices.Sort(out.plan)
	return out
}

// routes returns the parts of a plan that go to shards.
func routes(d engine.PrimitiveDescription) (out []string) {
	if d.Keyspace != nil {
		out = append(out, fmt.Sprintf("%s %s %s", d.Keyspace.Name, d.OperatorType, d.Variant))
	}
	for _, input := range d.Inputs {
		out = append(out, routes(input)...)
	}
	return out
}

var (
	rowOf  = regexp.MustCompile(`VALUES (\([^()]*\))`)
	keysOf = regexp.MustCompile(`IN \((\([^()]*\)|1)\)`)
	lastOf = regexp.MustCompile(`\b1\b([^1]*)$`)
)

// twice doubles the row or key of a statement with another last number, as for messages of two users in one
// conversation.
func twice(query string) string {
	for _, list := range []*regexp.Regexp{rowOf, keysOf} {
		query = list.ReplaceAllStringFunc(query, func(found string) string {
			one := list.FindStringSubmatch(found)[1]
			return strings.Replace(found, one, one+", "+lastOf.ReplaceAllString(one, "2$1"), 1)
		})
	}
	return query
}

// sorted returns the touched shards, sorted.
func (d touched) sorted() []string { return slices.Sorted(maps.Keys(d.shards)) }
