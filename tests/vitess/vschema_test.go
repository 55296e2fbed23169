package vitess_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"vitess.io/vitess/go/json2"
	topodatapb "vitess.io/vitess/go/vt/proto/topodata"
	vschemapb "vitess.io/vitess/go/vt/proto/vschema"
	"vitess.io/vitess/go/vt/vtgate/vindexes"
)

// TestEveryTableHasAPlace: the vschema has each table of the migrations in exactly one keyspace, and no other tables
// except for those that record the applied migrations.
func TestEveryTableHasAPlace(t *testing.T) {
	env := environment(t)
	made := readTables(t, env.Parser())
	places := map[string][]string{}
	for keyspace, of := range source(t).GetKeyspaces() {
		for table := range of.GetTables() {
			places[table] = append(places[table], keyspace)
		}
	}
	for table := range made {
		if len(places[table]) != 1 {
			t.Errorf("table %s is in the keyspaces %v of deploy/vitess/vschema.json", table, places[table])
		}
	}
	for table := range places {
		if made[table] == nil && !strings.HasPrefix(table, "bun_migration") {
			t.Errorf("deploy/vitess/vschema.json has a table %s, which no migration makes", table)
		}
	}
}

// TestRouting: GoChat's connections name one database, gochat, and find every table there.
func TestRouting(t *testing.T) {
	all := source(t)
	if err := json2.UnmarshalPB([]byte(read(t, "deploy/vitess/routing.json")), routing(all)); err != nil {
		t.Fatal(err)
	}
	built := vindexes.BuildVSchema(all, environment(t).Parser())
	for keyspace, of := range all.GetKeyspaces() {
		for _, table := range slices.Sorted(maps.Keys(of.GetTables())) {
			found, err := built.FindRoutedTable(sharded, table, topodatapb.TabletType_PRIMARY)
			if err != nil || found == nil || found.Keyspace.Name != keyspace {
				t.Errorf("%s.%s is not found in %s: %v, %v", sharded, table, keyspace, found, err)
			}
		}
	}
}

func source(t *testing.T) *vschemapb.SrvVSchema {
	t.Helper()
	out := &vschemapb.SrvVSchema{}
	if err := json2.UnmarshalPB([]byte(`{"keyspaces": `+read(t, "deploy/vitess/vschema.json")+`}`), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func routing(all *vschemapb.SrvVSchema) *vschemapb.RoutingRules {
	all.RoutingRules = &vschemapb.RoutingRules{}
	return all.RoutingRules
}
