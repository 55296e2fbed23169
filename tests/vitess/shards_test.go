package vitess_test

import (
	"slices"
	"strings"
	"testing"
)

// TestShards: each statement of the store touches one shard, unless the page's second table says why not. Statements
// of the saver are planned for messages of two users in one conversation, and touch only that conversation's shard.
func TestShards(t *testing.T) {
	vte := planner(t)
	home := ask(t, vte, "SELECT type FROM conversations WHERE conversation_id = 't'").sorted()
	known := exceptions(t)
	needed := make([]bool, len(known))
	rows := map[string]bool{}
	for _, s := range statements(t) {
		query := s.query
		if slices.Contains(s.methods, save) {
			query = twice(query)
		}
		got := ask(t, vte, query)
		is := got.where()
		if is == "one" && slices.Contains(s.methods, save) && !slices.Equal(got.sorted(), home) {
			is = "another"
		}
		if s.onTheWay() {
			rows[s.row(is)] = true
		}
		if is == "one" || is == single {
			continue
		}
		i := slices.IndexFunc(known, func(e exception) bool { return e.where == is && strings.Contains(s.query, e.part) })
		if i < 0 {
			t.Errorf("touches %q (%s, shards %v), and "+page+" does not say why %s\n\t%s\n\t%s", is, strings.Join(got.plan, ", "), got.sorted(), got.refused, query, s.methods)
			continue
		}
		needed[i] = true
	}
	for i, e := range known {
		if !needed[i] {
			t.Errorf("no statement with %q touches %q any more", e.part, e.where)
		}
	}
	held(t, rows)
}

// TestKeysAreApart: the sample values of a conversation and of two users are in three different shards. Otherwise a
// statement with two of these keys could seem to touch one shard.
func TestKeysAreApart(t *testing.T) {
	vte := planner(t)
	found := map[string]bool{}
	for _, query := range []string{
		"SELECT type FROM conversations WHERE conversation_id = 't'",
		"SELECT nickname FROM users WHERE user_id = 1",
		"SELECT nickname FROM users WHERE user_id = 2",
	} {
		for _, shard := range ask(t, vte, query).sorted() {
			found[shard] = true
		}
	}
	if len(found) != 3 {
		t.Errorf("they are in %v", found)
	}
}
