//go:build !race

package repo_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// pardon is a statement whose plan is dear, and why that is right.
type pardon struct {
	on   db.Driver // empty: on all
	part string    // of the digest
	dear string    // a regular expression
	why  string
}

const sorts = "^(USE TEMP B-TREE|Using filesort|Using temporary)"

var pardons = []pardon{
	{db.SQLite, "SELECT COUNT(*), COALESCE(MIN(", "^SCAN messages USING COVERING INDEX", "a migration counts once what it is going to copy"},
	{"", "CROSS JOIN conversations AS c", sorts + "|^SCAN m$", "the order of the list is made when it is read, of ids and times; see List"},
	{"", "WHERE (m.user_id = ?) AND (m.left_seq IS NULL) ORDER BY", sorts, "a sync is told of all conversations of a user"},
	{"", "WHERE (m.user_id = ?) AND (m.left_seq IS NULL) AND (c.last_seq > ?) ORDER BY", sorts, "a search goes through all conversations of a user"},
	{"", "AS part, block, newest_at", sorts + "|^SCAN x$", "of each of 50 conversations there is a page at most"},
	{db.SQLite, "AND seq_id <= ?) OR (conversation_id", sorts, "they are the messages of spans, which are bounded"},
	{"", "EXISTS (SELECT ? FROM refused_sends)", "refused_sends", "it ends at the first row"},
	{"", "FROM devices WHERE user_id = ?", sorts, "a user has a bounded number of devices"},
	{"", "FROM device_tokens", sorts, "a device has a bounded number of tokens"},
}

// TestPlansOnSQLite and TestPlansOnMySQL let the suite run, put many rows beside what it has
// left, and ask for the plan of each statement that was run: none reads a whole table, or sorts
// what grows with the data.
// The race detector changes no plan, and makes SQLite, being Go, many times slower: these tests
// are left out beside it, and .ci/run has a step of its own for them.
func TestPlansOnSQLite(t *testing.T) {
	t.Parallel()
	plans(t, config(t.TempDir()))
}

func TestPlansOnMySQL(t *testing.T) {
	t.Parallel()
	cfg := repo.DefaultConfig()
	cfg.DB = repotest.MySQL(t)
	plans(t, cfg)
}

func plans(t *testing.T, cfg repo.Config) {
	t.Helper()
	heard := listen(cfg.DB.Driver)
	cfg.DB.Told = heard.tell
	r := open(t, cfg)
	t.Run("suite", func(t *testing.T) { repotest.Run(t, suite(r)) })
	commands(t, sqlstore.New(r.Database()))
	for name := range methodsOf[*sqlstore.Store]() {
		assert.True(t, heard.methods[name], "no statement of %s was heard: let the suite or this test call it", name)
	}
	heldStatements(t, heard)
	names, digests := heard.heard()
	messages := 200_000
	if os.Getenv("CI_NIGHTLY") != "" {
		messages = 1_000_000
	}
	crowded(t, r.Database(), messages)
	pardoned := map[int]bool{}
	for _, name := range names {
		if strings.Contains(name, "messages_by_") {
			continue // of a migration, whose table has its lasting name by now
		}
		judge(t, r.Database(), name, digests[name], pardoned)
	}
	for i, p := range pardons {
		assert.True(t, pardoned[i] || p.on != "" && p.on != cfg.DB.Driver, "nothing needs the pardon of %q any more", p.part)
	}
	t.Logf("%d digests have a plan", len(names))
}

// judge fails the test when a plan of the digest is dear and nobody pardons that.
func judge(t *testing.T, d *db.DB, name string, dg *digest, pardoned map[int]bool) {
	t.Helper()
	for _, s := range []sample{dg.first, dg.longest} {
		found, err := dear(t.Context(), d, s)
		if !assert.NoError(t, err, name) {
			return
		}
		for _, what := range found {
			if i := pardonOf(name, what); i >= 0 {
				pardoned[i] = true
				continue
			}
			t.Errorf("%s\n\t%s (run %d times)", what, name, dg.count)
		}
	}
}

func pardonOf(name, dear string) int {
	for i, p := range pardons {
		if strings.Contains(name, p.part) && regexp.MustCompile(p.dear).MatchString(dear) {
			return i
		}
	}
	return -1
}

// methodsOf are the names of a type's exported methods.
func methodsOf[T any]() map[string]bool {
	out := map[string]bool{}
	for i := range reflect.TypeFor[T]().NumMethod() {
		out[reflect.TypeFor[T]().Method(i).Name] = true
	}
	return out
}

// commands calls what no service does: chores, and commands of people.
func commands(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	all := func(errs ...error) {
		for i, err := range errs {
			require.NoError(t, err, i)
		}
	}
	require.NoError(t, s.KeepPoison(ctx, []store.PoisonRecord{{UUID: t.Name(), Group: "plans", Topic: "t", Reason: "r"}}))
	_, _, err := s.RefusedAt(ctx, 1, "t")
	require.NoError(t, err)
	list, err := s.ListPoison(ctx, "r", 0, 100)
	require.NoError(t, err)
	require.NotEmpty(t, list)
	id := list[len(list)-1].ID
	_, err1 := s.PoisonRecord(ctx, id)
	_, err2 := s.RequeuePoison(ctx, []int64{id}, time.Now())
	_, err3 := s.RequeuedPoison(ctx, 100)
	_, err4 := s.ForgetPoison(ctx, []int64{id})
	all(err1, err2, err3, err4)

	require.NoError(t, s.BeginHooks(ctx, []store.HookBegin{{Hook: "plans", FromStart: true}}))
	_, _, err1 = s.ScanNews(ctx, []string{"plans"}, "", 100)
	_, err2 = s.ReplayHook(ctx, store.Replay{Hook: "plans", Since: time.UnixMilli(1)})
	_, err3 = s.HookStats(ctx)
	all(err1, err2, err3, s.HurryHook(ctx, "plans"), s.ForgetHook(ctx, "plans"))

	_, err1 = s.NewestID(ctx)
	_, err2 = s.NewEpoch(ctx)
	_, err3 = s.ForgetRefusals(ctx, time.UnixMilli(1))
	_, _, err4 = s.Backfill(ctx, 10)
	all(err1, err2, err3, err4, s.RestartBackfill(ctx))
	for _, page := range []store.Page{{Oldest: true}, {After: 1}, {Before: 5}, {After: 1, Before: 5, Oldest: true}} {
		page.ConversationID, page.Limit = "world", 10
		_, err := s.Page(ctx, page)
		require.NoError(t, err)
	}
	own := time.Hour
	require.NoError(t, s.SetRetention(ctx, "world", &own))
	_, err1 = s.RetentionOf(ctx, "world")
	_, err2 = s.RetentionOverrides(ctx, 10)
	_, err3 = s.DueConversations(ctx, store.Keep{}, 10, time.Now())
	all(err1, err2, err3, s.SetRetention(ctx, "world", nil))
	_, err1 = s.Announcements(ctx, 1, 10)
	all(err1, s.DropAnnouncements(ctx, []int64{1}), s.Rebuild(ctx, []store.BlockKey{{ConversationID: "world"}}))
}

func TestDigests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		driver     db.Driver
		query, out string
	}{
		{db.SQLite, "SELECT a FROM t WHERE b IN (1, 2,3) AND c = 'it''s'  LIMIT 5", "SELECT a FROM t WHERE b IN (?) AND c = ? LIMIT ?"},
		{db.MySQL, `SELECT a1 FROM t WHERE c = 'a\'b' AND d = -1`, "SELECT a1 FROM t WHERE c = ? AND d = ?"},
		{db.SQLite, "INSERT INTO t (a, b) VALUES (?,?),(?,?),(?,?)", "INSERT INTO t (a, b) VALUES (?)"},
		{db.SQLite, "SELECT a WHERE (a = ?) OR (a = ?) OR (a = ?)", "SELECT a WHERE (a = ?) OR (a = ?)"},
		{db.SQLite, "SELECT ? AS n UNION ALL SELECT ? AS n UNION ALL SELECT ? AS n", "SELECT ? AS n"},
	} {
		assert.Equal(t, c.out, digestOf(c.driver, c.query))
	}
}
