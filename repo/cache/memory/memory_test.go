package memory_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/memory"
	"github.com/gochat/gochat/repo/store"
)

const room = 8 << 20

func TestCache(t *testing.T) {
	t.Parallel()
	cachetest.RunCache(t, func(*testing.T) cachetest.Kept {
		at := cachetest.NewClock()
		c := memory.New(memory.Config{Bytes: room, Now: at.Now})
		return cachetest.Kept{
			Cache:  c,
			Left:   func(_ *testing.T, k store.ClientKey) time.Duration { return c.Left(k) },
			Pass:   func(_ *testing.T, d time.Duration, _ ...string) { at.Move(d) },
			Forget: func(*testing.T) { c.Forget() },
		}
	})
}

func key(client string) store.ClientKey {
	return store.ClientKey{ConversationID: "group_1", SenderID: 7, ClientID: client}
}

func committed(conv string, from, to uint64, content string) store.Committed {
	d := store.Committed{ConversationID: conv, LastSeq: to}
	for seq := from; seq <= to; seq++ {
		d.Stored = append(d.Stored, store.Message{
			ID: int64(seq), ConversationID: conv, Seq: seq, SenderID: 7, ClientID: fmt.Sprint(seq), Content: content, Type: "text", //nolint:gosec // small
		})
	}
	return d
}

// TestWhatIsOverItsTimeIsGone, and takes no memory after something else was put.
func TestWhatIsOverItsTimeIsGone(t *testing.T) {
	t.Parallel()
	at := cachetest.NewClock()
	c := memory.New(memory.Config{Bytes: room, Now: at.Now})
	ctx := t.Context()
	require.NoError(t, c.Seed(ctx, map[string]uint64{"group_1": 0}))
	given, err := c.Allocate(ctx, []store.ClientKey{key("given")})
	require.NoError(t, err)
	require.Equal(t, []uint64{1}, given)
	require.NoError(t, c.Follow(ctx, []store.Committed{committed("group_1", 1, 3, "x")}))
	require.NoError(t, c.PutUsers(ctx, store.User{ID: 1}))
	used := store.UsedToken{ID: "t", DeviceKey: store.DeviceKey{UserID: 1, ID: "d"}}
	require.NoError(t, c.PutTokenChecked(ctx, used, store.TokenState{Used: true}))
	require.NoError(t, c.PutTokensRevoked(ctx, store.Token{ID: "r", ExpiresAt: at.Now().Add(time.Hour).UnixMilli()}))
	require.NoError(t, c.PutMarks(ctx, []string{"m"}, time.Minute))
	for step, look := range []struct {
		pass time.Duration
		look func() bool // what has just gone
	}{
		{time.Minute, func() bool {
			found, err := c.Stored(ctx, []store.ClientKey{key("2")})
			require.NoError(t, err)
			return found[0].ID != 0
		}},
		{0, func() bool { _, known := c.TokenChecked(ctx, used); return known }},
		{0, func() bool {
			set, err := c.HasMarks(ctx, []string{"m"})
			require.NoError(t, err)
			return set[0]
		}},
		{time.Hour, func() bool { _, known := c.TokenChecked(ctx, store.UsedToken{ID: "r"}); return known }},
		{cache.GivenFor, func() bool { return c.Left(key("given")) > 0 }},
		{0, func() bool { return len(c.Users(ctx, []int64{1})) > 0 }},
		{cache.HotFor, func() bool {
			_, all := c.Hot(ctx, store.Span{ConversationID: "group_1", To: 3})
			return all
		}},
	} {
		at.Move(look.pass)
		assert.False(t, look.look(), "step %d", step)
	}
	given, err = c.Allocate(ctx, []store.ClientKey{key("next")})
	require.NoError(t, err)
	assert.Equal(t, []uint64{4}, given, "counters stay")
}

func TestFullBucketsTakeNoMemory(t *testing.T) {
	t.Parallel()
	at := cachetest.NewClock()
	c := memory.New(memory.Config{Bytes: room, Now: at.Now})
	ask := func(key string) []cache.Ask {
		return []cache.Ask{{Key: key, Rate: cache.Rate{Tokens: 6, Per: time.Minute, Burst: 6}, Tokens: 1, Least: 1}}
	}
	entries := func() int { n, _ := c.Usage(); return n }
	for i := range 3 {
		_, _, err := c.TakeTokens(t.Context(), ask(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	require.NoError(t, c.ReturnTokens(t.Context(), ask("0")))
	assert.Equal(t, 2, entries(), "what was given back is gone")
	at.Move(10 * time.Second)
	_, _, err := c.TakeTokens(t.Context(), ask("3"))
	require.NoError(t, err)
	assert.Equal(t, 1, entries(), "and what is full again goes")
}

// TestRatesThatAreHuge: no bucket is so large or so slow that the arithmetic goes wrong.
func TestRatesThatAreHuge(t *testing.T) {
	t.Parallel()
	at := cachetest.NewClock()
	c := memory.New(memory.Config{Bytes: room, Now: at.Now})
	const year, most = 366 * 24 * time.Hour, 1 << 30
	slow := cache.Ask{Key: "slow", Rate: cache.Rate{Tokens: 1, Per: year, Burst: most}, Tokens: most, Least: most}
	fast := cache.Ask{Key: "fast", Rate: cache.Rate{Tokens: most, Per: time.Second, Burst: most}, Tokens: most, Least: 1}
	for _, a := range []cache.Ask{slow, fast} {
		taken, _, err := c.TakeTokens(t.Context(), []cache.Ask{a})
		require.NoError(t, err)
		assert.Equal(t, []int{most}, taken)
		taken, wait, err := c.TakeTokens(t.Context(), []cache.Ask{a})
		require.NoError(t, err)
		assert.Empty(t, taken)
		assert.Positive(t, wait)
	}
	at.Move(year)
	slow.Least = 1
	taken, _, err := c.TakeTokens(t.Context(), []cache.Ask{slow})
	require.NoError(t, err)
	assert.Equal(t, []int{1}, taken)
	smaller := fast
	smaller.Rate.Burst = 5
	taken, _, err = c.TakeTokens(t.Context(), []cache.Ask{smaller})
	require.NoError(t, err)
	assert.Equal(t, []int{5}, taken)
}

// TestMemoryIsBounded, whatever is put: the longest unused goes, and the newest stays.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const bytes = 1 << 20
	at := cachetest.NewClock()
	c := memory.New(memory.Config{Bytes: bytes, Now: at.Now})
	ctx := t.Context()
	large := strings.Repeat("x", 4000)
	for i := range 3000 {
		id := fmt.Sprint("group_", i)
		require.NoError(t, c.Seed(ctx, map[string]uint64{id: 0}))
		require.NoError(t, c.Follow(ctx, []store.Committed{committed(id, 1, 5, large)}))
		require.NoError(t, c.PutUsers(ctx, store.User{ID: int64(i), Nickname: large[:100]}))
		require.NoError(t, c.PutTokenChecked(ctx, store.UsedToken{ID: id, DeviceKey: store.DeviceKey{UserID: int64(i)}}, store.TokenState{}))
		require.NoError(t, c.PutMarks(ctx, []string{id}, time.Hour))
		_, _, err := c.TakeTokens(ctx, []cache.Ask{{Key: id, Rate: cache.Rate{Tokens: 1, Per: time.Hour, Burst: 5}, Tokens: 1, Least: 1}})
		require.NoError(t, err)
		require.NoError(t, c.Seed(ctx, map[string]uint64{"busy": 7}))
	}
	entries, used := c.Usage()
	assert.LessOrEqual(t, used, bytes)
	assert.Greater(t, used, bytes/2)
	assert.Greater(t, entries, 500)
	_, all := c.Hot(ctx, store.Span{ConversationID: "group_2999", To: 5})
	assert.True(t, all)
	_, all = c.Hot(ctx, store.Span{ConversationID: "group_0", To: 5})
	assert.False(t, all)
	given, err := c.Allocate(ctx, []store.ClientKey{{ConversationID: "group_0", ClientID: "a"}, {ConversationID: "busy", ClientID: "a"}})
	require.NoError(t, err)
	assert.Equal(t, []uint64{0, 8}, given, "a counter that had to go is loaded again")

	// What does not fit at all is not kept, and drives nobody else out for long.
	require.NoError(t, c.Follow(ctx, []store.Committed{committed("vast", 1, 300, large)}))
	_, all = c.Hot(ctx, store.Span{ConversationID: "vast", To: 300})
	assert.False(t, all)
	require.NoError(t, c.Follow(ctx, []store.Committed{committed("small", 1, 5, "x")}))
	_, all = c.Hot(ctx, store.Span{ConversationID: "small", To: 5})
	assert.True(t, all)
	c.Forget()
	entries, used = c.Usage()
	assert.Zero(t, entries)
	assert.Zero(t, used)
}

// TestHotMessagesOverManyRounds against a plain list.
func TestHotMessagesOverManyRounds(t *testing.T) {
	t.Parallel()
	c := memory.New(memory.Config{Bytes: room})
	last := uint64(0)
	for n := uint64(1); last < 3000; n = n%37 + 1 {
		require.NoError(t, c.Follow(t.Context(), []store.Committed{committed("group_1", last+1, last+n, fmt.Sprint(last))}))
		last += n
		from := last - min(last, cache.HotMessages)
		got, all := c.Hot(t.Context(), store.Span{ConversationID: "group_1", From: from, To: last})
		require.True(t, all)
		for i, m := range got {
			require.Equal(t, from+uint64(i)+1, m.Seq) //nolint:gosec // small
		}
		require.Less(t, c.HotBytes(), 150_000, "what is dropped goes")
	}
}

// TestManyAtOnce is for the race detector; no number is given twice.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := memory.New(memory.Config{Bytes: room})
	s := memory.NewSessions(time.Now)
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, c.Seed(ctx, map[string]uint64{"group_1": 0}))
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := range 200 {
				given, err := c.Allocate(ctx, []store.ClientKey{key(fmt.Sprint(w, "-", n))})
				assert.NoError(t, err)
				mu.Lock()
				assert.False(t, seen[given[0]])
				seen[given[0]] = true
				mu.Unlock()
				assert.NoError(t, c.Follow(ctx, []store.Committed{{ConversationID: "group_1", LastSeq: given[0], Stored: []store.Message{{ConversationID: "group_1", Seq: given[0], ID: 1}}}}))
				c.HotMany(ctx, []store.Span{{ConversationID: "group_1", To: given[0]}})
				one := cache.Session{UserID: int64(n), ConnectionID: fmt.Sprint(w), GatewayID: "gw"}
				assert.NoError(t, s.Put(ctx, []cache.Session{one}))
				s.Locate(ctx, []int64{int64(n)})
				_, err = s.Beat(ctx, "gw", cache.Beat{})
				assert.NoError(t, err)
				assert.NoError(t, s.Remove(ctx, one))
			}
		})
	}
	wg.Wait()
	assert.Len(t, seen, 1600)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	c, s := memory.New(memory.Config{Bytes: room}), memory.NewSessions(time.Now)
	require.NoError(t, c.PutMarks(t.Context(), []string{"m"}, time.Hour))
	require.NoError(t, s.Put(t.Context(), []cache.Session{{UserID: 1, ConnectionID: "c", GatewayID: "gw"}}))
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(memory.NewMetrics(c, s)))
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	assert.Positive(t, got["gochat_repo_redis_memory_bytes embedded"])
	delete(got, "gochat_repo_redis_memory_bytes embedded")
	assert.Equal(t, map[string]float64{"gochat_repo_redis_keys embedded": 2, "gochat_repo_redis_memory_max_bytes embedded": room, "gochat_repo_redis_evicted_keys_total embedded": 0}, got)
}
