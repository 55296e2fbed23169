package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// hooked is a store in which group_1 to group_3 have ten messages each, one an hour,
// the newest now, and a hook that has taken all of them.
func hooked(t *testing.T, d *db.DB) *Store {
	t.Helper()
	_, err := Migrate(t.Context(), d)
	require.NoError(t, err)
	chat(t, d)
	s, err := NewSaver(t.Context(), d, 1, nil, zap.NewNop())
	require.NoError(t, err)
	closed(t, s)
	news := map[string]uint64{}
	for g := 1; g <= 3; g++ {
		for n := 1; n <= 10; n++ {
			m := msg(int64(g*100+n), fmt.Sprint("group_", g), 1, fmt.Sprint(g, "-", n))
			m.Timestamp = time.Now().Add(time.Duration(n-10) * time.Hour).UnixMilli()
			_, err := s.Save(t.Context(), []store.Message{m})
			require.NoError(t, err)
		}
		news[fmt.Sprint("group_", g)] = 10
	}
	st := New(d)
	require.NoError(t, st.BeginHooks(t.Context(), []store.HookBegin{{Hook: "crm", FromStart: true}}))
	require.NoError(t, st.RaiseNews(t.Context(), []string{"crm"}, news))
	taken, err := st.TakeNews(t.Context(), store.Take{Hook: "crm", Limit: 10, Lease: time.Minute})
	require.NoError(t, err)
	var settled []store.Settled
	for _, c := range taken.Claims {
		settled = append(settled, store.Settled{ConversationID: c.ConversationID, Claim: c.Claim, Seq: 10})
	}
	taken, err = st.TakeNews(t.Context(), store.Take{Hook: "crm", Settled: settled})
	require.NoError(t, err)
	require.Zero(t, taken.Lost)
	return st
}

// due is what the hook takes next: the last number that its receiver has, by
// conversation.
func dueFor(t *testing.T, st *Store) map[string]uint64 {
	t.Helper()
	taken, err := st.TakeNews(t.Context(), store.Take{Hook: "crm", Limit: 50, Lease: time.Minute})
	require.NoError(t, err)
	out := map[string]uint64{}
	for _, c := range taken.Claims {
		assert.EqualValues(t, 10, c.News)
		out[c.ConversationID] = c.Seq
	}
	return out
}

func TestReplayMovesCursorsBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		replay store.Replay
		want   map[string]uint64
	}{
		"from a number":             {store.Replay{ConversationID: "group_2", FromSeq: 4}, map[string]uint64{"group_2": 3}},
		"from the first":            {store.Replay{ConversationID: "group_2", FromSeq: 1}, map[string]uint64{"group_2": 0}},
		"from beyond the end":       {store.Replay{ConversationID: "group_2", FromSeq: 11}, map[string]uint64{}},
		"since a time":              {store.Replay{Since: time.Now().Add(-150 * time.Minute)}, map[string]uint64{"group_1": 7, "group_2": 7, "group_3": 7}},
		"one since a time":          {store.Replay{ConversationID: "group_1", Since: time.Now().Add(-150 * time.Minute)}, map[string]uint64{"group_1": 7}},
		"since ever":                {store.Replay{Since: time.Unix(1, 0)}, map[string]uint64{"group_1": 0, "group_2": 0, "group_3": 0}},
		"since a time to come":      {store.Replay{Since: time.Now().Add(time.Hour)}, map[string]uint64{}},
		"what there are no news of": {store.Replay{ConversationID: "group_9", FromSeq: 1}, map[string]uint64{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, d *db.DB) {
				st := hooked(t, d)
				messages := int64(0)
				for _, seq := range c.want {
					messages += 10 - int64(seq)
				}
				want := store.Replayed{Conversations: int64(len(c.want)), Messages: messages}
				r := c.replay
				r.Hook, r.Try = "crm", true
				got, err := st.ReplayHook(t.Context(), r)
				require.NoError(t, err)
				assert.Equal(t, want, got)
				assert.Empty(t, dueFor(t, st), "a try changes nothing")
				r.Try = false
				got, err = st.ReplayHook(t.Context(), r)
				require.NoError(t, err)
				assert.Equal(t, want, got)
				again, err := st.ReplayHook(t.Context(), r)
				require.NoError(t, err)
				assert.Zero(t, again, "a cursor that is there already")
				assert.Equal(t, c.want, dueFor(t, st))
			})
		})
	}
}

// TestReplayTakesFromWhoHasIt: a claim from before the replay does not move the cursor past
// the replay.
func TestReplayTakesFromWhoHasIt(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		st := hooked(t, d)
		replay := store.Replay{Hook: "crm", ConversationID: "group_1", FromSeq: 6}
		_, err := st.ReplayHook(t.Context(), replay)
		require.NoError(t, err)
		taken, err := st.TakeNews(t.Context(), store.Take{Hook: "crm", Limit: 1, Lease: time.Minute})
		require.NoError(t, err)
		require.Len(t, taken.Claims, 1)
		assert.EqualValues(t, 1, taken.Claims[0].Replays)
		replay.FromSeq = 3
		_, err = st.ReplayHook(t.Context(), replay)
		require.NoError(t, err)
		again, err := st.TakeNews(t.Context(), store.Take{Hook: "crm", Limit: 1, Lease: time.Minute, Settled: []store.Settled{
			{ConversationID: "group_1", Claim: taken.Claims[0].Claim, Seq: 10},
		}})
		require.NoError(t, err)
		assert.Equal(t, 1, again.Lost)
		require.Len(t, again.Claims, 1)
		assert.EqualValues(t, 2, again.Claims[0].Seq)
		assert.EqualValues(t, 2, again.Claims[0].Replays)
	})
}

func TestReplayNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		st := hooked(t, d)
		_, err := st.ReplayHook(t.Context(), store.Replay{Hook: "other", ConversationID: "group_1", FromSeq: 1})
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = st.ReplayHook(t.Context(), store.Replay{Hook: "crm", ConversationID: "group_77", FromSeq: 1})
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestForgottenHooksBeginAnew(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		st := hooked(t, d)
		require.NoError(t, st.ForgetHook(t.Context(), "crm"))
		require.ErrorIs(t, st.ForgetHook(t.Context(), "crm"), store.ErrNotFound)
		stats, err := st.HookStats(t.Context())
		require.NoError(t, err)
		assert.Empty(t, stats)
		require.NoError(t, st.BeginHooks(t.Context(), []store.HookBegin{{Hook: "crm", FromStart: true}}))
		require.NoError(t, st.RaiseNews(t.Context(), []string{"crm"}, map[string]uint64{"group_1": 10}))
		assert.Equal(t, map[string]uint64{"group_1": 0}, dueFor(t, st))
	})
}
