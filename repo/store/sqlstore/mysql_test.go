package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/repo/store"
)

// onEach runs a test on an empty SQLite and on an empty MySQL database.
func onEach(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	for name, config := range map[string]func(t *testing.T) db.Config{
		"sqlite": func(t *testing.T) db.Config { return db.Config{Path: filepath.Join(t.TempDir(), "test.db")} },
		"mysql":  func(t *testing.T) db.Config { return repotest.MySQL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, opened(t, config(t)))
		})
	}
}

func opened(t *testing.T, cfg db.Config) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

func states(t *testing.T, d *db.DB) (out []string) {
	t.Helper()
	list, err := MigrationStatus(t.Context(), d)
	require.NoError(t, err)
	for _, one := range list {
		word := "applied"
		switch {
		case one.Breaks:
			word = "breaks"
		case one.Unknown:
			word = "unknown"
		case one.AppliedAt.IsZero():
			word = "pending"
		}
		out = append(out, one.Name+" "+word)
	}
	return out
}

func known(t *testing.T, driver db.Driver) (out []string) {
	t.Helper()
	all, err := shipped.migrations(driver, nil)
	require.NoError(t, err)
	for _, one := range all.Sorted() {
		out = append(out, one.Name)
		assert.True(t, one.Up != nil && one.Down != nil, "%s goes both ways", one.Name)
	}
	return out
}

func suffixed(names []string, suffix string) (out []string) {
	for _, name := range names {
		out = append(out, name+suffix)
	}
	return out
}

func TestMigrationsUpAndDown(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		all := known(t, d.Driver())
		assert.Equal(t, suffixed(all, " pending"), states(t, d))
		require.ErrorIs(t, CheckMigrated(t.Context(), d), ErrPending)
		require.ErrorContains(t, CheckMigrated(t.Context(), d), "gochat migrate up")
		names, err := Rollback(t.Context(), d)
		require.NoError(t, err)
		assert.Empty(t, names, "there is nothing to undo")
		for range 2 {
			names, err = Migrate(t.Context(), d)
			require.NoError(t, err)
			assert.Equal(t, all, names)
			assert.Equal(t, suffixed(all, " applied"), states(t, d))
			require.NoError(t, CheckMigrated(t.Context(), d))
			names, err = Migrate(t.Context(), d)
			require.NoError(t, err)
			assert.Empty(t, names, "once is enough")
			_, err = New(d).Create(t.Context(), store.User{ID: 1, Username: "a"}, "")
			require.NoError(t, err)

			names, err = Rollback(t.Context(), d)
			require.NoError(t, err)
			slices.Sort(names)
			assert.Equal(t, all, names, "they were applied together")
			assert.Equal(t, suffixed(all, " pending"), states(t, d))
			left, err := tableExists(t.Context(), d, "users")
			require.NoError(t, err)
			assert.False(t, left)
		}
	})
}

// TestManyMigrateAtOnce: one of them does it, and all go on.
func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	cfg := repotest.MySQL(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var applied []string
	for range 8 {
		d := opened(t, cfg)
		wg.Go(func() {
			names, err := Migrate(t.Context(), d)
			assert.NoError(t, err)
			mu.Lock()
			applied = append(applied, names...)
			mu.Unlock()
		})
	}
	wg.Wait()
	assert.Equal(t, known(t, db.MySQL), applied)
}

// TestWidthsAreTheColumns: what configuration is held against is what is there.
func TestWidthsAreTheColumns(t *testing.T) {
	t.Parallel()
	d := opened(t, repotest.MySQL(t))
	_, err := Migrate(t.Context(), d)
	require.NoError(t, err)
	for column, width := range map[string]int{
		"users.username": Widths.Username, "users.username_key": Widths.Username, "users.nickname": Widths.Nickname,
		"users.avatar_url": Widths.AvatarURL, "messages.client_msg_id": Widths.ClientID, "messages.content": Widths.Content,
	} {
		table, name, _ := strings.Cut(column, ".")
		var is int
		err := d.Primary().DB.QueryRowContext(t.Context(), "SELECT character_maximum_length FROM information_schema.columns"+
			" WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?", table, name).Scan(&is)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, is, width, column)
	}
	// The widest message of the worst kind goes through in one statement.
	chat(t, d)
	s, err := NewSaver(t.Context(), d, 1, nil, zap.NewNop())
	require.NoError(t, err)
	closed(t, s)
	m := msg(1, "group_1", 1, strings.Repeat("k", Widths.ClientID))
	m.Content = strings.Repeat("'", Widths.Content)
	_, err = s.Save(t.Context(), []store.Message{m})
	require.NoError(t, err)
	list, err := New(d).Page(t.Context(), store.Page{ConversationID: "group_1", Oldest: true, Limit: 1})
	require.NoError(t, err)
	assert.True(t, m.Content == list[0].Content)
}

// chat makes group_1 to group_40 of users 1 and 2.
func chat(t *testing.T, d *db.DB) {
	t.Helper()
	for g := 1; g <= 40; g++ {
		exec(t, d,
			fmt.Sprintf("INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at) VALUES ('group_%d',2,%d,1,1)", g, g),
			fmt.Sprintf("INSERT INTO conversation_members (conversation_id, user_id) VALUES ('group_%d',1), ('group_%d',2)", g, g))
	}
}

// TestKeysAreBytes: which texts are the same does not depend on the database.
func TestKeysAreBytes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		chat(t, d)
		s, err := NewSaver(t.Context(), d, 2, nil, zap.NewNop())
		require.NoError(t, err)
		closed(t, s)
		st := New(d)
		keys := []string{"a", "A", "a.", "a_", "a-", "a:", "a ", " a", "0", "00", "1e0", "1"}
		var run []store.Message
		for i, k := range keys {
			m := msg(int64(i+1), "group_1", 1, k)
			m.Content = k + " é e\u0301 ß ss 😀👩‍👩‍👧 \\ ' \" \x00 \r\n "
			run = append(run, m)
		}
		results, err := s.Save(t.Context(), run)
		require.NoError(t, err)
		for i, r := range results {
			require.Equal(t, store.Stored, r.Outcome, keys[i])
			found, err := st.ByClientID(t.Context(), 1, keys[i])
			require.NoError(t, err)
			assert.Equal(t, run[i].ID, found.ID, "%q", keys[i])
			assert.Equal(t, run[i].Content, found.Content)
		}
		_, err = st.ByClientID(t.Context(), 1, "a  ")
		require.ErrorIs(t, err, store.ErrNotFound)

		// Names differ but by case; what is not ASCII is never a name.
		for i, name := range []string{"anna", "anna.", "anna-", "anna_", "anna "} {
			_, err := st.Create(t.Context(), store.User{ID: int64(i + 10), Username: name, Nickname: "Änne 😀 "}, "")
			require.NoError(t, err, name)
		}
		_, err = st.Create(t.Context(), store.User{ID: 20, Username: "ANNA"}, "")
		require.ErrorIs(t, err, store.ErrUsernameTaken)
		u, _, err := st.ByName(t.Context(), "Anna")
		require.NoError(t, err)
		assert.Equal(t, "Änne 😀 ", u.Nickname)
	})
}

// TestReplicaThatStandsStill: readers see what was stored, from the primary while the
// replica lacks it.
func TestReplicaThatStandsStill(t *testing.T) { //nolint:paralleltest // it stops the replica of all
	cfg, server := repotest.Replica(t)
	d := opened(t, cfg)
	_, err := Migrate(t.Context(), d)
	require.NoError(t, err)
	chat(t, d)
	s, err := NewSaver(t.Context(), d, 2, nil, zap.NewNop())
	require.NoError(t, err)
	closed(t, s)
	st := New(d)
	n := uint64(0)
	store1 := func() {
		n++
		_, err := s.Save(t.Context(), []store.Message{msg(int64(n), "group_1", 1, fmt.Sprint(n))})
		require.NoError(t, err)
	}
	read := func() {
		lists, err := st.Spans(t.Context(), []store.Span{{ConversationID: "group_1", From: 0, To: n}, {ConversationID: "group_1", From: n - 1, To: n}})
		require.NoError(t, err)
		require.Len(t, lists[0], int(n))
		require.Len(t, lists[1], 1)
		require.True(t, slices.IsSortedFunc(lists[0], func(a, b store.Message) int { return int(a.Seq) - int(b.Seq) }))
	}
	reads := func() db.ReplicaReads { return d.ReplicaReads()["replica-1"] }
	for range 20 { // what was just stored is there, whatever the replica has
		store1()
		read()
	}
	require.Eventually(t, func() bool { read(); return reads().Served > 0 }, 10*time.Second, 10*time.Millisecond)

	repotest.Exec(t, server, "STOP SLAVE SQL_THREAD")
	start := sync.OnceFunc(func() { repotest.Exec(t, server, "START SLAVE SQL_THREAD") })
	defer start()
	late := reads().Late
	require.Eventually(t, func() bool {
		store1()
		lists, err := st.Spans(t.Context(), []store.Span{{ConversationID: "group_1", From: n - 1, To: n}})
		require.NoError(t, err)
		require.Len(t, lists[0], 1)
		return reads().Late > late
	}, 10*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, d.Check(t.Context())["database-replica-1"], db.ErrBehind)
	read()

	start()
	served := reads().Served
	require.Eventually(t, func() bool { read(); return reads().Served > served }, 10*time.Second, 10*time.Millisecond, "it is used again")
	require.NoError(t, d.Check(context.WithoutCancel(t.Context()))["database-replica-1"])
}
