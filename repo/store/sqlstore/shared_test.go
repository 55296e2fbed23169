package sqlstore

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
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

// TestManyProcessesShareConversations: savers that know nothing of each other store
// in the same conversations, and senders try again through another one.
func TestManyProcessesShareConversations(t *testing.T) {
	t.Parallel()
	const savers, callers, runs, conversations = 2, 8, 12, 20
	cfg := repotest.MySQL(t)
	first := opened(t, cfg)
	_, err := Migrate(t.Context(), first)
	require.NoError(t, err)
	chat(t, first)
	var all []*Saver
	for range savers {
		s, err := NewSaver(t.Context(), opened(t, cfg), 4, nil, zap.NewNop())
		require.NoError(t, err)
		closed(t, s)
		all = append(all, s)
	}
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for r := range runs {
				var run []store.Message
				for i := range 2 * conversations { // each twice, in no order
					key := fmt.Sprintf("%d-%d-%d", c, r, i)
					run = append(run, msg(int64(1+c*1_000_000+r*1000+i), fmt.Sprint("group_", 1+i%conversations), int64(1+i%2), key))
				}
				rand.Shuffle(len(run), func(i, j int) { run[i], run[j] = run[j], run[i] })
				before, err := all[c%savers].Save(t.Context(), run)
				if !assert.NoError(t, err) {
					return
				}
				for i := range run {
					run[i].ID += 1 << 40
				}
				again, err := all[(c+1)%savers].Save(t.Context(), run)
				if !assert.NoError(t, err) {
					return
				}
				for i := range run {
					assert.Equal(t, store.Stored, before[i].Outcome)
					assert.Equal(t, store.Duplicate, again[i].Outcome)
					assert.Equal(t, before[i].Message.ID, again[i].Message.ID)
					assert.Equal(t, before[i].Message.Seq, again[i].Message.Seq)
					assert.Equal(t, run[i].ClientID, again[i].Message.ClientID)
				}
			}
		})
	}
	wg.Wait()
	for g := 1; g <= conversations; g++ {
		list, err := New(first).Page(t.Context(), store.Page{ConversationID: fmt.Sprint("group_", g), Oldest: true, Limit: 10_000})
		require.NoError(t, err)
		require.Len(t, list, 2*callers*runs)
		for i, m := range list {
			require.EqualValues(t, i+1, m.Seq)
		}
	}
}

// TestSavesSurviveLostConnections: a transaction whose connection is killed is tried
// again, and what it had stored before is found.
func TestSavesSurviveLostConnections(t *testing.T) {
	t.Parallel()
	cfg := repotest.MySQL(t)
	d := opened(t, cfg)
	_, err := Migrate(t.Context(), d)
	require.NoError(t, err)
	chat(t, d)
	s, err := NewSaver(t.Context(), d, 4, nil, zap.NewNop())
	require.NoError(t, err)
	closed(t, s)
	stop := make(chan struct{})
	var killer sync.WaitGroup
	other := opened(t, cfg)
	killed := 0
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(15 * time.Millisecond):
				killed += killOthers(t, other)
			}
		}
	})
	var wg sync.WaitGroup
	for c := range 16 {
		wg.Go(func() {
			for r := range 40 {
				m := msg(int64(1+c*1000+r), fmt.Sprint("group_", 1+c%4), 1, fmt.Sprintf("%d-%d", c, r))
				for {
					results, err := s.Save(t.Context(), []store.Message{m})
					if err == nil {
						assert.Contains(t, []store.Outcome{store.Stored, store.Duplicate}, results[0].Outcome)
						break
					}
					if !assert.ErrorIs(t, err, store.ErrUnavailable) {
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	killer.Wait()
	assert.Positive(t, killed)
	for g := 1; g <= 4; g++ {
		list, err := New(d).Page(t.Context(), store.Page{ConversationID: fmt.Sprint("group_", g), Oldest: true, Limit: 10_000})
		require.NoError(t, err)
		require.Len(t, list, 4*40)
		for i, m := range list {
			require.EqualValues(t, i+1, m.Seq)
		}
	}
}

// TestSaverTriesLostTransactionsAgain: the caller does not notice.
func TestSaverTriesLostTransactionsAgain(t *testing.T) {
	t.Parallel()
	cfg := repotest.MySQL(t)
	d, other := opened(t, cfg), opened(t, cfg)
	_, err := Migrate(t.Context(), d)
	require.NoError(t, err)
	chat(t, d)
	s, err := NewSaver(t.Context(), d, 1, nil, zap.NewNop())
	require.NoError(t, err)
	closed(t, s)
	holds, err := other.Writer().DB.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = holds.ExecContext(t.Context(), "SELECT * FROM conversations WHERE conversation_id = 'group_1' FOR UPDATE")
	require.NoError(t, err)
	saved := make(chan error, 1)
	go func() {
		_, err := s.Save(t.Context(), []store.Message{msg(1, "group_1", 1, "a")})
		saved <- err
	}()
	require.Eventually(t, func() bool { return killOthers(t, other) > 0 }, time.Minute, 5*time.Millisecond)
	require.NoError(t, holds.Rollback())
	require.NoError(t, <-saved)
}

// killOthers kills all connections to the database but its own.
func killOthers(t *testing.T, d *db.DB) int {
	var ids []int64
	rows, err := d.Primary().DB.QueryContext(t.Context(),
		"SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command <> 'Sleep'")
	if !assert.NoError(t, err) {
		return 0
	}
	assert.NoError(t, each(rows, func(rows *sql.Rows) error {
		var id int64
		defer func() { ids = append(ids, id) }()
		return rows.Scan(&id)
	}))
	for _, id := range ids {
		_, _ = d.Primary().DB.ExecContext(t.Context(), fmt.Sprint("KILL ", id)) // it may be gone
	}
	return len(ids)
}
