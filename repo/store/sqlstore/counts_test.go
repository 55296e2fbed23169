package sqlstore

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// older stores messages as a program does that counts none: "m" is a message, "s" a system message.
func older(t *testing.T, d *db.DB, conv string, kinds string) {
	t.Helper()
	olderAs(t, d, conv, kinds, 1000)
}

// olderAs gives the messages ids from firstID on.
func olderAs(t *testing.T, d *db.DB, conv string, kinds string, firstID int64) {
	t.Helper()
	var last int64
	require.NoError(t, d.Writer().DB.QueryRowContext(t.Context(), "SELECT last_seq FROM conversations WHERE conversation_id = ?", conv).Scan(&last))
	for _, kind := range kinds {
		last++
		typ := map[rune]string{'m': "text", 's': "system"}[kind]
		exec(t, d, fmt.Sprintf("INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at)"+
			" VALUES ('%s', %d, %d, 1, 'old%d', 'text %d', '%s', %d)", conv, last, firstID+last, firstID+last, last, typ, last))
	}
	exec(t, d, fmt.Sprintf("UPDATE conversations SET last_seq = %d, last_message_at = %d WHERE conversation_id = '%s'", last, last, conv))
}

// TestMessagesThatNobodyCounted: what an older program stores, before and beside this one, is
// counted when it is read.
func TestMessagesThatNobodyCounted(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		exec(t, d, "INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at) VALUES ('group_1', 2, 1, 1, 1)",
			"INSERT INTO conversation_members (conversation_id, user_id) VALUES ('group_1', 1), ('group_1', 2)")
		st := New(d)
		s, err := NewSaver(context.WithoutCancel(t.Context()), d, 2, nil, zap.NewNop())
		require.NoError(t, err)
		closed(t, s)
		id := int64(0)
		newer := func(kind string) {
			id++
			m := msg(id, "group_1", 1, fmt.Sprint("new", id))
			m.Type = kind
			_, err := s.Save(t.Context(), []store.Message{m})
			require.NoError(t, err)
		}
		check := func(last, message, unread uint64) {
			t.Helper()
			c, err := st.Conversation(t.Context(), "group_1", 2)
			require.NoError(t, err)
			assert.Equal(t, []uint64{last, message, unread}, []uint64{c.LastSeq, c.MessageSeq, c.Unread})
			list, _, err := st.List(t.Context(), 2, "", 10)
			require.NoError(t, err)
			for _, one := range list {
				if one.ID == "group_1" {
					assert.Equal(t, c, one)
				}
			}
		}
		older(t, d, "group_1", "mmsms")
		newer("text") // after a gap that nobody has closed
		newer("system")
		check(7, 6, 4)
		newer("system")
		newer("text")
		check(9, 9, 5)
		older(t, d, "group_1", "ss")
		check(11, 9, 5)
		older(t, d, "group_1", "msm")
		newer("system")
		check(15, 14, 7)
		_, err = st.MarkRead(t.Context(), "group_1", 2, 8)
		require.NoError(t, err)
		check(15, 14, 3)
	})
}

// TestWhatCannotBeCountedIsRead: on a database that takes no writes, conversations can be read, and all
// messages in a gap count as unread. The failure is logged once, readers do not all retry, and the
// gap is closed later.
func TestWhatCannotBeCountedIsRead(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		exec(t, d, "INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at) VALUES ('group_1', 2, 1, 1, 1)",
			"INSERT INTO conversation_members (conversation_id, user_id) VALUES ('group_1', 1), ('group_1', 2)")
		older(t, d, "group_1", "mms")
		full := "CREATE TRIGGER no_room BEFORE UPDATE ON conversations BEGIN SELECT RAISE(ABORT, 'no room'); END"
		if d.Driver() == db.MySQL {
			full = "CREATE TRIGGER no_room BEFORE UPDATE ON conversations FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no room'"
		}
		exec(t, d, full)
		core, logs := observer.New(zap.WarnLevel)
		st := New(d)
		st.log = zap.New(core)
		check := func(message, unread uint64) {
			t.Helper()
			c, err := st.Conversation(t.Context(), "group_1", 2)
			require.NoError(t, err)
			assert.Equal(t, []uint64{3, message, unread}, []uint64{c.LastSeq, c.MessageSeq, c.Unread})
			list, _, err := st.List(t.Context(), 2, "", 10)
			require.NoError(t, err)
			assert.Contains(t, list, c)
		}
		check(3, 3)
		read, err := st.MarkRead(t.Context(), "group_1", 2, 1)
		require.NoError(t, err)
		assert.EqualValues(t, 2, read.Unread)
		require.Equal(t, 1, logs.Len())
		assert.Contains(t, fmt.Sprint(logs.All()[0].ContextMap()["error"]), "no room")
		exec(t, d, "DROP TRIGGER no_room")
		check(3, 2)
		st.uncounted.Store(0)
		check(2, 1)
	})
}

// TestSystemMessagesOfOlderProgramsMoveNoConversation: in the list a conversation is where its
// newest message puts it, also with system messages that an older program stored after it.
func TestSystemMessagesOfOlderProgramsMoveNoConversation(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		for i, kinds := range []string{"mss", "mm", "sss", "m"} { // the number is the time
			id := fmt.Sprint("group_", i+1)
			exec(t, d, fmt.Sprintf("INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at) VALUES ('%s', 2, %d, 0, 0)", id, i+1),
				fmt.Sprintf("INSERT INTO conversation_members (conversation_id, user_id) VALUES ('%s', 2)", id))
			olderAs(t, d, id, kinds, int64(100*i+100))
		}
		st := New(d)
		check := func(want map[string]int64, order ...string) {
			t.Helper()
			var got []string
			for cursor, more := "", true; more; more = cursor != "" {
				var page []store.Conversation
				page, cursor, err = st.List(t.Context(), 2, cursor, 1)
				require.NoError(t, err)
				got = append(got, page[0].ID)
				assert.Equal(t, want[page[0].ID], page[0].LastMessageAt, page[0].ID)
				one, err := st.Conversation(t.Context(), page[0].ID, 2)
				require.NoError(t, err)
				assert.Equal(t, page[0], one)
			}
			assert.Equal(t, order, got)
		}
		check(map[string]int64{"group_1": 1, "group_2": 2, "group_3": 0, "group_4": 1}, "group_2", "group_1", "group_4", "group_3")
		olderAs(t, d, "group_4", "ssm", 500) // beside this program
		olderAs(t, d, "group_3", "sss", 600)
		check(map[string]int64{"group_1": 1, "group_2": 2, "group_3": 0, "group_4": 4}, "group_4", "group_2", "group_1", "group_3")
		page, _, err := st.conversationsAfter(t.Context(), "group_2", 1)
		require.NoError(t, err)
		require.Equal(t, []listed{{id: "group_3", last: 6, lastAt: 6}}, page, "webhooks are told of what was stored by when it was")
	})
}

// TestLongHistoriesAreCountedBoundedly: of uncounted messages only the newest are looked at, the older
// ones count as messages of users, and a last message among the older ones is found.
func TestLongHistoriesAreCountedBoundedly(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		exec(t, d, "INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at) VALUES ('group_1', 2, 1, 1, 1)",
			"INSERT INTO conversation_members (conversation_id, user_id) VALUES ('group_1', 1), ('group_1', 2)")
		exec(t, d, "INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at)"+
			" VALUES ('group_1', 1, 1, 1, 'x1', 'a', 'system', 1), ('group_1', 2, 2, 1, 'x2', 'b', 'text', 1)")
		const n = recountMost + 10
		for from := 3; from < n; from += 100 {
			query := "INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at) VALUES "
			for seq := from; seq < min(from+100, n); seq++ {
				query += fmt.Sprintf("('group_1', %d, %d, 1, 'x%d', 's', 'system', 1),", seq, seq, seq)
			}
			exec(t, d, query[:len(query)-1])
		}
		exec(t, d, fmt.Sprintf("UPDATE conversations SET last_seq = %d WHERE conversation_id = 'group_1'", n-1))
		c, err := New(d).Conversation(t.Context(), "group_1", 2)
		require.NoError(t, err)
		assert.Equal(t, []uint64{n - 1, 2, n - 1 - recountMost}, []uint64{c.LastSeq, c.MessageSeq, c.Unread})
	})
}

// TestOlderProgramsDoNotSeeNewColumns: they read all columns of conversations, and stop at one
// that they do not know.
func TestOlderProgramsDoNotSeeNewColumns(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		if d.Driver() == db.SQLite {
			t.Skip("one process has the file")
		}
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		rows, err := d.Primary().DB.QueryContext(t.Context(), "SELECT * FROM conversations")
		require.NoError(t, err)
		defer func() { assert.NoError(t, rows.Close()) }()
		columns, err := rows.Columns()
		require.NoError(t, err)
		require.NoError(t, rows.Err())
		assert.Equal(t, []string{
			"conversation_id", "type", "user_a", "user_b", "group_id", "last_seq", "last_message_at", "created_at", "dissolved_at",
			"changed_seq", "members_version", "member_count", "member_peak", "shrunk_at",
		}, columns)
	})
}

// TestWhoWroteBeforeItWasNoted: what an older program has stored is looked through a part at a
// time, and what was found is kept.
func TestWhoWroteBeforeItWasNoted(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		exec(t, d, "INSERT INTO conversations (conversation_id, type, user_a, user_b, last_message_at, created_at) VALUES ('single_1', 1, 1, 2, 1, 1)",
			"INSERT INTO conversation_members (conversation_id, user_id) VALUES ('single_1', 1), ('single_1', 2)")
		st := New(d)
		one, two := store.MembershipKey{ConversationID: "single_1", UserID: 1}, store.MembershipKey{ConversationID: "single_1", UserID: 2}
		check := func(first, second bool) {
			t.Helper()
			got, err := st.Wrote(t.Context(), []store.MembershipKey{one, two})
			require.NoError(t, err)
			assert.Equal(t, map[store.MembershipKey]bool{one: first, two: second}, got)
		}
		check(false, false)
		older(t, d, "single_1", "s")
		check(false, false)
		older(t, d, "single_1", "m")
		check(true, false)
		exec(t, d, "UPDATE conversations SET last_seq = 2 + 2 * 2000 WHERE conversation_id = 'single_1'",
			"INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at)"+
				" VALUES ('single_1', 4001, 5, 2, 'late', 'x', 'text', 1)")
		check(true, false)
		check(true, true)
		check(true, true)
	})
}
