package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a store with group_1 (users 1 and 2; 3 has left) and group_2
// (dissolved), and a saver.
func open(t *testing.T, after AfterCommit) (*Store, *Saver, *db.DB) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{Path: filepath.Join(t.TempDir(), "test.db")}, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	_, err = Migrate(t.Context(), d)
	require.NoError(t, err)
	exec(t, d,
		"INSERT INTO users VALUES (1,'a','a','','','',1,1), (2,'b','b','','','',1,1), (3,'c','c','','','',1,1)",
		"INSERT INTO conversations (conversation_id, type, group_id, last_seq, last_message_at, created_at, dissolved_at, members_version, member_count)"+
			" VALUES ('group_1',2,1,0,1,1,0,4,2), ('group_2',2,2,0,1,1,5,1,1)",
		"INSERT INTO `groups` VALUES (1,'group_1','one','',1,2,'open',1,0), (2,'group_2','two','',1,1,'open',1,5)",
		"INSERT INTO group_members VALUES (1,1,'owner',1), (1,2,'member',1)",
		"INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq, left_seq) VALUES ('group_1',1,0,0,NULL), ('group_1',2,0,0,NULL), ('group_1',3,0,0,0), ('group_2',1,0,0,NULL)")
	s, err := NewSaver(t.Context(), d, 1, after, zap.NewNop())
	require.NoError(t, err)
	return New(d), s, d
}

func exec(t *testing.T, d *db.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		_, err := d.Writer().DB.ExecContext(t.Context(), q)
		require.NoError(t, err, q)
	}
}

func closed(t *testing.T, s *Saver) {
	t.Helper()
	t.Cleanup(func() { assert.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
}

func msg(id int64, conv string, sender int64, key string) store.Message {
	return store.Message{ID: id, ConversationID: conv, SenderID: sender, ClientID: key, Content: "c" + key, Type: "text", Timestamp: id}
}

func outcomesOf(results []store.SaveResult) (out []store.Outcome) {
	for _, r := range results {
		out = append(out, r.Outcome)
	}
	return out
}

func TestGroupsRefuseWhoIsNotInThem(t *testing.T) {
	t.Parallel()
	var done []store.Committed
	st, s, d := open(t, func(_ context.Context, c []store.Committed) { done = c })
	closed(t, s)
	run := []store.Message{
		msg(1, "group_1", 1, "a"), msg(2, "group_1", 3, "left"), msg(3, "group_2", 1, "dissolved"), msg(4, "group_9", 1, "none"),
		msg(5, "group_1", 2, "b"), msg(6, "group_1", 1, "a"),
	}
	run[4].Seq = 7
	results, err := s.Save(t.Context(), run)
	require.NoError(t, err)
	assert.Equal(t, []store.Outcome{store.Stored, store.NotMember, store.Dissolved, store.NotMember, store.Stored, store.Duplicate}, outcomesOf(results))
	assert.EqualValues(t, 1, results[0].Message.Seq)
	assert.EqualValues(t, 2, results[4].Message.Seq)
	assert.Equal(t, results[0].Message, results[5].Message)

	require.Len(t, done, 3)
	assert.Equal(t, "group_1", done[0].ConversationID)
	assert.EqualValues(t, 2, done[0].LastSeq)
	assert.EqualValues(t, 7, done[0].TopProposed)
	assert.Len(t, done[0].Stored, 2)
	assert.Len(t, done[0].Known, 1)
	assert.Equal(t, []store.ClientKey{{ConversationID: "group_1", SenderID: 3, ClientID: "left"}}, done[0].Refused)

	// What was stored is never refused later, whatever became of the sender.
	exec(t, d, "UPDATE conversation_members SET left_seq = 2 WHERE user_id = 1")
	results, err = s.Save(t.Context(), []store.Message{msg(9, "group_1", 1, "a"), msg(10, "group_1", 1, "new")})
	require.NoError(t, err)
	assert.Equal(t, []store.Outcome{store.Duplicate, store.NotMember}, outcomesOf(results))
	assert.EqualValues(t, 1, results[0].Message.ID)

	facts, err := st.Facts(t.Context(), []string{"group_1", "group_2", "group_9", "world"})
	require.NoError(t, err)
	assert.Equal(t, map[string]store.Facts{
		"group_1": {Type: store.Group, GroupID: 1, MembersVersion: 4, GroupSize: 2}, "group_2": {Type: store.Group, GroupID: 2, Dissolved: true, MembersVersion: 1, GroupSize: 1},
		"world": {Type: store.World},
	}, facts)
	ids, joined, err := st.Recipients(t.Context(), 1, 1, 10)
	require.NoError(t, err)
	assert.Equal(t, []int64{2}, ids)
	assert.Equal(t, []uint64{0}, joined)
}

// TestOneBadCallHurtsNobodyElse: a message id that is taken fails its own call,
// before anything of it is numbered, and can be tried again with another.
func TestOneBadCallHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	st, s, _ := open(t, nil)
	closed(t, s)
	_, err := s.Save(t.Context(), []store.Message{msg(1, "group_1", 1, "first")})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			run := []store.Message{msg(int64(100+2*i), "group_1", 1, fmt.Sprint("k", i)), msg(int64(101+2*i), "group_1", 2, fmt.Sprint("k", i))}
			if i%4 == 0 {
				run[1].ID = 1
			}
			_, err := s.Save(t.Context(), run)
			if i%4 != 0 {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, store.ErrUnavailable)
			run[1].ID = int64(101 + 2*i)
			_, err = s.Save(t.Context(), run)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	all, err := st.Page(t.Context(), store.Page{ConversationID: "group_1", Oldest: true, Limit: 1000})
	require.NoError(t, err)
	require.Len(t, all, 81)
	for i, m := range all {
		require.EqualValues(t, i+1, m.Seq)
	}
}

// TestLastSeqThatIsBehindHeals: a conversation whose last_seq is behind its
// messages gets numbers after them.
func TestLastSeqThatIsBehindHeals(t *testing.T) {
	t.Parallel()
	_, s, d := open(t, nil)
	closed(t, s)
	for i := range int64(3) {
		_, err := s.Save(t.Context(), []store.Message{msg(1+i, "group_1", 1, fmt.Sprint(i))})
		require.NoError(t, err)
	}
	exec(t, d, "UPDATE conversations SET last_seq = 1 WHERE conversation_id = 'group_1'")
	results, err := s.Save(t.Context(), []store.Message{msg(9, "group_1", 1, "next")})
	require.NoError(t, err)
	assert.EqualValues(t, 4, results[0].Message.Seq)
}

func TestFailedTransactionsAreForNow(t *testing.T) {
	t.Parallel()
	_, s, d := open(t, nil)
	closed(t, s)
	other, err := d.Writer().DB.BeginTx(t.Context(), nil) // the one connection is taken
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.Save(ctx, []store.Message{msg(1, "group_1", 1, "a")})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, other.Rollback())
	results, err := s.Save(t.Context(), []store.Message{msg(2, "group_1", 1, "a")})
	require.NoError(t, err)
	assert.EqualValues(t, 1, results[0].Message.Seq)
	assert.EqualValues(t, 1, results[0].Message.ID, "the first did it after all: its outcome was not known")
	assert.Equal(t, store.Duplicate, results[0].Outcome)
}

// TestCloseStoresWhatCameIn: every call gets an answer that is true.
func TestCloseStoresWhatCameIn(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	st, s, _ := open(t, func(context.Context, []store.Committed) { <-slow })
	const calls = 300
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored := map[string]bool{}
	refused := 0
	started := make(chan struct{}, calls)
	for i := range calls {
		wg.Go(func() {
			started <- struct{}{}
			key := fmt.Sprint(i)
			_, err := s.Save(t.Context(), []store.Message{msg(int64(i+1), "group_1", 1, key)})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				stored[key] = true
			} else if assert.ErrorIs(t, err, store.ErrClosed) {
				refused++
			}
		})
	}
	<-started
	ended := make(chan error)
	go func() { ended <- s.Close(context.WithoutCancel(t.Context())) }()
	close(slow)
	require.NoError(t, <-ended)
	wg.Wait()
	assert.Equal(t, calls, len(stored)+refused)
	_, err := s.Save(t.Context(), []store.Message{msg(9999, "group_1", 1, "late")})
	require.ErrorIs(t, err, store.ErrClosed)
	all, err := st.Page(t.Context(), store.Page{ConversationID: "group_1", Oldest: true, Limit: 1000})
	require.NoError(t, err)
	assert.Len(t, all, len(stored))
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	_, s, _ := open(t, func(context.Context, []store.Committed) { <-slow })
	go func() { _, _ = s.Save(context.WithoutCancel(t.Context()), []store.Message{msg(1, "group_1", 1, "a")}) }()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := s.Save(ctx, []store.Message{msg(2, "group_1", 1, "b")})
		return errors.Is(err, context.DeadlineExceeded)
	}, time.Minute, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Close(ctx), context.Canceled)
	close(slow)
	<-s.lanes[0].ended
}

// TestLargeRuns go through in chunks and keep their order.
func TestLargeRuns(t *testing.T) {
	t.Parallel()
	_, s, _ := open(t, nil)
	closed(t, s)
	for try, want := range []store.Outcome{store.Stored, store.Duplicate} {
		run := make([]store.Message, 3000)
		for i := range run {
			run[i] = msg(int64(1+i+try*10000), "group_1", int64(1+i%2), fmt.Sprint(i))
		}
		results, err := s.Save(t.Context(), run)
		require.NoError(t, err)
		for i, r := range results {
			require.Equal(t, want, r.Outcome)
			require.EqualValues(t, i+1, r.Message.Seq)
			require.EqualValues(t, i+1, r.Message.ID)
		}
	}
}

// TestAKeyOfAnotherConversation: the cache is told of no message of another conversation, whose keys may be on another
// node of Redis.
func TestAKeyOfAnotherConversation(t *testing.T) {
	t.Parallel()
	var done []store.Committed
	_, s, d := open(t, func(_ context.Context, c []store.Committed) { done = c })
	closed(t, s)
	exec(t, d,
		"INSERT INTO conversations (conversation_id, type, group_id, last_seq, last_message_at, created_at, dissolved_at, members_version, member_count)"+
			" VALUES ('group_3',2,3,0,1,1,0,1,1)",
		"INSERT INTO `groups` VALUES (3,'group_3','three','',1,1,'open',1,0)", "INSERT INTO group_members VALUES (3,1,'owner',1)",
		"INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq, left_seq) VALUES ('group_3',1,0,0,NULL)")
	_, err := s.Save(t.Context(), []store.Message{msg(1, "group_1", 1, "a")})
	require.NoError(t, err)
	results, err := s.Save(t.Context(), []store.Message{msg(2, "group_3", 1, "a"), msg(3, "group_3", 1, "b")})
	require.NoError(t, err)
	assert.Equal(t, []store.Outcome{store.Duplicate, store.Stored}, outcomesOf(results))
	assert.Equal(t, "group_1", results[0].Message.ConversationID)
	require.Len(t, done, 1)
	assert.Equal(t, "group_3", done[0].ConversationID)
	assert.Empty(t, done[0].Known)
	assert.Len(t, done[0].Stored, 1)
}
