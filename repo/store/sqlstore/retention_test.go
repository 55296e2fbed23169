package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/verify"
)

var hour = store.Keep{Group: time.Hour}

// said stores messages of a time in groups of chat, and returns the store.
func said(t *testing.T, d *db.DB, at time.Time, conversations ...string) {
	t.Helper()
	s, err := NewSaver(t.Context(), d, 1, nil, zap.NewNop())
	require.NoError(t, err)
	closed(t, s)
	var run []store.Message
	for _, c := range conversations {
		m := msg(time.Now().UnixNano()+int64(len(run)), c, 1, fmt.Sprint(c, at.UnixNano(), len(run)))
		m.Timestamp = at.UnixMilli()
		run = append(run, m)
	}
	_, err = s.Save(t.Context(), run)
	require.NoError(t, err)
}

func dueIDs(t *testing.T, s *Store, keep store.Keep, limit int, now time.Time) (ids []string) {
	t.Helper()
	due, err := s.DueConversations(t.Context(), keep, limit, now)
	require.NoError(t, err)
	for _, d := range due {
		ids = append(ids, d.ConversationID)
	}
	return ids
}

// settled expires all that is due and returns how often a conversation was looked at.
func settled(t *testing.T, s *Store, keep store.Keep, now time.Time) (looks, messages int) {
	t.Helper()
	for range 1000 {
		ids := dueIDs(t, s, keep, 10, now)
		if len(ids) == 0 {
			return looks, messages
		}
		looks += len(ids)
		done, err := s.Expire(t.Context(), ids, keep, 5, now)
		require.NoError(t, err)
		for _, one := range done {
			messages += one.Messages
		}
		require.NoError(t, s.Kept(t.Context(), ids))
	}
	require.Fail(t, "no end")
	return 0, 0
}

// TestExpiryCostsWhatExpires: each conversation is looked at once, and then only when something
// in it is due, whether it ever had a message or not.
func TestExpiryCostsWhatExpires(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		chat(t, d)
		s, now := New(d), time.Now()
		said(t, d, now.Add(-2*time.Hour), "group_1", "group_1", "group_2")
		said(t, d, now.Add(-30*time.Minute), "group_2", "group_3")

		assert.Empty(t, dueIDs(t, s, store.Keep{Single: time.Hour}, 100, now), "off")
		looks, messages := settled(t, s, hour, now)
		assert.Equal(t, 3, messages)
		assert.Equal(t, 40, looks, "each is looked at once")
		looks, _ = settled(t, s, hour, now)
		assert.Zero(t, looks, "and not again")
		looks, messages = settled(t, s, hour, now.Add(time.Hour))
		assert.Equal(t, []int{2, 2}, []int{looks, messages})

		said(t, d, now.Add(-3*time.Hour), "group_1")
		assert.Equal(t, []string{"group_1"}, dueIDs(t, s, hour, 100, now), "somebody has written where nothing was left")
		_, messages = settled(t, s, hour, now)
		assert.Equal(t, 1, messages)
		report, err := verify.Verify(t.Context(), d)
		require.NoError(t, err)
		for _, p := range report.Problems {
			assert.NotContains(t, p, "expired")
		}
	})
}

// TestExpiryGoesOn: whoever expires messages may be killed between any two of its steps, and the
// next one finds the conversation due until caches were told.
func TestExpiryGoesOn(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		chat(t, d)
		s, now := New(d), time.Now()
		settled(t, s, hour, now)
		said(t, d, now.Add(-2*time.Hour), "group_1", "group_1", "group_1")
		for want := 2; want >= 0; want-- {
			ids := dueIDs(t, s, hour, 10, now)
			require.Equal(t, []string{"group_1"}, ids)
			done, err := s.Expire(t.Context(), ids, hour, 2, now) // and killed
			require.NoError(t, err)
			require.Len(t, done, 1)
			assert.Equal(t, []int{0, 1, 2}[want], done[0].Messages)
		}
		assert.Equal(t, []string{"group_1"}, dueIDs(t, s, hour, 10, now), "nobody was told yet")
		require.NoError(t, s.Kept(t.Context(), []string{"group_1"}))
		assert.Empty(t, dueIDs(t, s, hour, 10, now))
	})
}

// TestOwnTimes: a conversation's own time goes before that of its kind, shorter, longer or for ever.
func TestOwnTimes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		chat(t, d)
		s, now := New(d), time.Now()
		said(t, d, now.Add(-2*time.Hour), "group_1", "group_2", "group_3", "group_4", "group_5")
		for id, own := range map[string]time.Duration{"group_1": time.Minute, "group_2": 90 * time.Minute, "group_3": 3 * time.Hour, "group_4": 0} {
			require.NoError(t, s.SetRetention(t.Context(), id, &own))
		}
		expired := func() (out []string) {
			for n := 1; n <= 5; n++ {
				state, err := s.RetentionOf(t.Context(), fmt.Sprint("group_", n))
				require.NoError(t, err)
				if state.Expired > 0 {
					out = append(out, state.ConversationID)
				}
			}
			return out
		}
		settled(t, s, store.Keep{}, now)
		assert.Equal(t, []string{"group_1", "group_2"}, expired(), "also where others are kept for ever")
		settled(t, s, hour, now)
		assert.Equal(t, []string{"group_1", "group_2", "group_5"}, expired())
		list, err := s.RetentionOverrides(t.Context(), 3)
		require.NoError(t, err)
		require.Len(t, list, 3)
		assert.Equal(t, "group_4", list[0].ConversationID)
		assert.Equal(t, time.Duration(0), *list[0].Override)

		require.NoError(t, s.SetRetention(t.Context(), "group_3", nil))
		settled(t, s, hour, now)
		assert.Equal(t, []string{"group_1", "group_2", "group_3", "group_5"}, expired())
		require.ErrorIs(t, s.SetRetention(t.Context(), "group_none", nil), store.ErrNotFound)
		_, err = s.RetentionOf(t.Context(), "group_none")
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// TestVerifySeesWhatHasNotExpired: content where it should be gone is a violation.
func TestVerifySeesWhatHasNotExpired(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		chat(t, d)
		s, now := New(d), time.Now()
		said(t, d, now.Add(-2*time.Hour), "group_1", "group_1")
		settled(t, s, hour, now)
		exec(t, d, "DELETE FROM conversation_members", "DELETE FROM conversations WHERE conversation_id <> 'group_1'")
		problems := func() string {
			report, err := verify.Verify(t.Context(), d)
			require.NoError(t, err)
			return strings.Join(report.Problems, "\n")
		}
		require.NotContains(t, problems(), "expired")
		exec(t, d, "UPDATE messages SET content = 'back' WHERE conversation_id = 'group_1' AND seq_id = 2")
		assert.Contains(t, problems(), "group_1: message 2 still has content")
		exec(t, d, "UPDATE conversations SET expired_seq = 3 WHERE conversation_id = 'group_1'")
		assert.Contains(t, problems(), "group_1: messages have expired up to 3, beyond last_seq 2")
	})
}

// TestRetentionReadsIndexes: no statement of the retention reads a table as a whole.
func TestRetentionReadsIndexes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		chat(t, d)
		s := New(d)
		said(t, d, time.Now(), "group_1", "group_2")
		for query, args := range map[string][]any{
			"SELECT conversation_id, kept_at FROM conversations" + s.keptIndex() + " WHERE type = ? AND keep_ms = ? AND kept_at > 0 AND kept_at < ? ORDER BY kept_at LIMIT ?": {2, -1, 1000, 10},
			"SELECT MIN(keep_ms) FROM conversations" + s.keptIndex() + " WHERE type = ? AND keep_ms > ?":                                                                      {2, 0},
			"SELECT " + messageColumns + " FROM messages WHERE conversation_id = ? AND seq_id > ? ORDER BY seq_id LIMIT ?":                                                    {"group_1", 0, 10},
			s.oldPoison(): {1000, 10},
			"DELETE FROM search_blocks WHERE conversation_id = ? AND block >= ? AND block < ?": {"group_1", 0, 1},
		} {
			for _, line := range planOf(t, d, query, args) {
				assert.NotRegexp(t, `^SCAN \w+$|\bALL\b|USE TEMP B-TREE|filesort`, line, query)
			}
		}
	})
}

// planOf is how the database runs a statement, a line for each table.
func planOf(t *testing.T, d *db.DB, query string, args []any) (out []string) {
	t.Helper()
	word := "EXPLAIN QUERY PLAN "
	if d.Driver() == db.MySQL {
		word = "EXPLAIN "
	}
	rows, err := d.Primary().DB.QueryContext(t.Context(), word+query, args...)
	require.NoError(t, err, query)
	columns, err := rows.Columns()
	require.NoError(t, err)
	require.NoError(t, each(rows, func(rows *sql.Rows) error {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		line := ""
		if d.Driver() == db.SQLite {
			line = values[3].String
		} else {
			for _, v := range values {
				line += v.String + " "
			}
		}
		out = append(out, line)
		return nil
	}))
	require.NotEmpty(t, out)
	return out
}
