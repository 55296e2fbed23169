package sqlstore

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

func many(conversation string, n int) (out []string) {
	for range n {
		out = append(out, conversation)
	}
	return out
}

// TestExpiryHasRoom: a batch expires as many messages as it may, in several reads if need be, and does
// not return conversations that it had no room for, so that their caches stay.
func TestExpiryHasRoom(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		chat(t, d)
		s, now := New(d), time.Now()
		settled(t, s, hour, now)
		said(t, d, now.Add(-2*time.Hour), append(many("group_1", 150), "group_2")...)
		said(t, d, now, "group_1")
		ids := []string{"group_1", "group_2"}
		for _, want := range [][]store.Expired{
			{{ConversationID: "group_1", Through: 100, Messages: 100}},
			{{ConversationID: "group_1", Through: 150, Messages: 50}, {ConversationID: "group_2", Through: 1, Messages: 1}},
			{{ConversationID: "group_1", Through: 150}, {ConversationID: "group_2", Through: 1}},
		} {
			got, err := s.Expire(t.Context(), ids, hour, 100, now)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		list, err := s.Spans(t.Context(), []store.Span{{ConversationID: "group_1", To: 151}})
		require.NoError(t, err)
		for _, m := range list[0] {
			assert.Equal(t, m.Seq <= 150, m.Content == "", m.Seq)
		}
	})
}

// TestExpiryTakesTurns: when much is due by one retention, what is due by others does not wait.
func TestExpiryTakesTurns(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		chat(t, d)
		s, now := New(d), time.Now()
		for id, own := range map[string]time.Duration{"group_7": time.Minute, "group_8": 2 * time.Minute} {
			require.NoError(t, s.SetRetention(t.Context(), id, &own))
		}
		ids := dueIDs(t, s, hour, 5, now)
		assert.Len(t, ids, 5)
		assert.Subset(t, ids, []string{"group_7", "group_8"})
		assert.Len(t, dueIDs(t, s, hour, 100, now), 40)
	})
}

// TestExpiryReadsWhatExpires: to expire one message of a conversation, not as many messages are read as
// a batch may expire.
func TestExpiryReadsWhatExpires(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var limits []any
	d := opened(t, db.Config{Path: filepath.Join(t.TempDir(), "test.db"), Told: func(query string, args []any) {
		if strings.HasPrefix(query, "SELECT "+messageColumns) && strings.Contains(query, "LIMIT") {
			mu.Lock()
			defer mu.Unlock()
			limits = append(limits, args[len(args)-1])
		}
	}})
	_, err := Migrate(t.Context(), d)
	require.NoError(t, err)
	chat(t, d)
	s, now := New(d), time.Now()
	said(t, d, now.Add(-2*time.Hour), "group_1")
	done, err := s.Expire(t.Context(), []string{"group_1"}, hour, 10_000, now)
	require.NoError(t, err)
	require.Len(t, done, 1)
	assert.Equal(t, 1, done[0].Messages)
	require.NotEmpty(t, limits)
	for _, n := range limits {
		assert.LessOrEqual(t, fmt.Sprint(n), fmt.Sprint(store.BlockSize))
	}
}
