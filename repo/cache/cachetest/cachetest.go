// Package cachetest is the conformance suite that every driver of the cache has to pass.
package cachetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// Kept is an empty cache of one test, and what the test needs besides the contract.
type Kept struct {
	cache.Cache

	// Left returns how long a send is still kept; 0 or less: it is not.
	Left func(t *testing.T, key store.ClientKey) time.Duration
	// Pass lets time go by for buckets.
	Pass func(t *testing.T, d time.Duration, buckets ...string)
	// Forget removes everything that is of the database.
	Forget func(t *testing.T)
}

// RunCache runs every test on caches of its own.
func RunCache(t *testing.T, open func(t *testing.T) Kept) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Kept){
		"numbers are given once":                   numbersAreGivenOnce,
		"the counter follows the database":         counterFollows,
		"it follows many conversations at once":    followsMany,
		"hot messages are the newest":              hotAreTheNewest,
		"hot messages are as new as their mark":    hotAreAsNewAsTheirMark,
		"hot messages expire":                      hotExpire,
		"several spans at once":                    spansAtOnce,
		"what was read of a cache is the reader's": readIsTheReaders,
		"users":                     usersAreTheNewest,
		"tokens":                    tokensAreNeverTakenBack,
		"marks":                     marksAreSet,
		"buckets fill by the clock": bucketsFill,
		"tokens of several buckets are taken or none": takenFromAllOrNone,
		"buckets are shared":                          bucketsAreShared,
		"everything is forgotten":                     everythingIsForgotten,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

const ns = "group_"

func key(conv string, client any) store.ClientKey {
	return store.ClientKey{ConversationID: conv, SenderID: 7, ClientID: fmt.Sprint(client)}
}

func keysOf(convs int, clients ...any) (out []store.ClientKey) {
	for _, client := range clients {
		for c := range convs {
			out = append(out, key(fmt.Sprint(ns, c+1), client))
		}
	}
	return out
}

func stored(conv string, from, to uint64) (out []store.Message) {
	for seq := from; seq <= to; seq++ {
		out = append(out, store.Message{
			ID: int64(1000 + seq), ConversationID: conv, Seq: seq, SenderID: 7, ClientID: fmt.Sprint(seq), Content: "text", Type: "text", Timestamp: 5, //nolint:gosec // small
		})
	}
	return out
}

func numbersAreGivenOnce(t *testing.T, c Kept) {
	const convs = 20
	first := keysOf(convs, "a", "b")
	got, err := c.Allocate(t.Context(), first)
	require.NoError(t, err)
	assert.Equal(t, make([]uint64, 2*convs), got, "no counter, no number")

	last := map[string]uint64{}
	for i := range convs {
		last[fmt.Sprint(ns, i+1)] = uint64(10 * i) //nolint:gosec // small
	}
	require.NoError(t, c.Seed(t.Context(), last))
	require.NoError(t, c.Seed(t.Context(), map[string]uint64{ns + "1": 999}))
	for range 2 { // the same keys, the same numbers
		got, err = c.Allocate(t.Context(), first)
		require.NoError(t, err)
		for i := range convs {
			assert.EqualValues(t, 10*i+1, got[i])
			assert.EqualValues(t, 10*i+2, got[convs+i])
		}
	}
	for _, k := range first {
		left := c.Left(t, k)
		assert.True(t, left > 23*time.Hour && left <= 24*time.Hour, left)
	}
	seen, err := c.Stored(t.Context(), first)
	require.NoError(t, err)
	for _, m := range seen {
		assert.Zero(t, m.ID, "a number that was given is nothing that was stored")
	}
}

// counterFollows: the counter is never below the database's last number, and a proposed number that
// was not used is given back when nothing was proposed since.
func counterFollows(t *testing.T, c Kept) {
	for i, step := range []struct {
		name                     string
		counter, last, top, want uint64
	}{
		{"in step", 5, 5, 5, 6},
		{"behind", 3, 5, 3, 6},
		{"far behind", 0, 5, 0, 6},
		{"a refused one is given back", 6, 5, 6, 6},
		{"others were proposed since", 8, 5, 6, 9},
		{"ahead for a reason not known here", 8, 5, 0, 9},
	} {
		conv := fmt.Sprint(ns, i+1)
		require.NoError(t, c.Seed(t.Context(), map[string]uint64{conv: step.counter}))
		require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: conv, LastSeq: step.last, TopProposed: step.top}}))
		got, err := c.Allocate(t.Context(), []store.ClientKey{key(conv, "next")})
		require.NoError(t, err)
		assert.Equal(t, []uint64{step.want}, got, step.name)
	}
	require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: ns + "99", LastSeq: 5}}))
	got, err := c.Allocate(t.Context(), []store.ClientKey{key(ns+"99", "next")})
	require.NoError(t, err)
	assert.Equal(t, []uint64{0}, got, "a counter that is missing is loaded, not guessed")
}

func followsMany(t *testing.T, c Kept) {
	const convs = 30
	done := make([]store.Committed, convs)
	for i := range done {
		conv := fmt.Sprint(ns, i+1)
		done[i] = store.Committed{
			ConversationID: conv, LastSeq: 12, Stored: stored(conv, 3, 12), Known: stored(conv, 1, 1), Refused: []store.ClientKey{key(conv, "refused")},
		}
		require.NoError(t, c.Seed(t.Context(), map[string]uint64{conv: 12}))
	}
	_, err := c.Allocate(t.Context(), keysOf(convs, "refused"))
	require.NoError(t, err)
	require.NoError(t, c.Follow(t.Context(), done))
	for _, d := range done {
		keys := []store.ClientKey{key(d.ConversationID, 3), key(d.ConversationID, 1), key(d.ConversationID, "refused"), key(d.ConversationID, 99)}
		seen, err := c.Stored(t.Context(), keys)
		require.NoError(t, err)
		assert.EqualValues(t, []int64{1003, 1001, 0, 0}, []int64{seen[0].ID, seen[1].ID, seen[2].ID, seen[3].ID})
		assert.EqualValues(t, 3, seen[0].Seq)
		assert.EqualValues(t, 5, seen[0].Timestamp)
		assert.Equal(t, keys[0], seen[0].Key())
		hot, all := c.Hot(t.Context(), store.Span{ConversationID: d.ConversationID, From: 2, To: 12})
		assert.True(t, all)
		assert.Equal(t, d.Stored, hot)
		_, all = c.Hot(t.Context(), store.Span{ConversationID: d.ConversationID, From: 0, To: 12})
		assert.False(t, all, "the first two are not there")
	}
	left := c.Left(t, key(ns+"1", 3))
	assert.True(t, left > 50*time.Second && left <= time.Minute, left)
	assert.LessOrEqual(t, c.Left(t, key(ns+"1", "refused")), time.Duration(0))
	given, err := c.Allocate(t.Context(), []store.ClientKey{key(ns+"1", 3)})
	require.NoError(t, err)
	assert.Equal(t, []uint64{3}, given, "what is stored has its number")
}
