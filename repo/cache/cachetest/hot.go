package cachetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// hotAreTheNewest 300, however they came in.
func hotAreTheNewest(t *testing.T, c Kept) {
	conv := ns + "0"
	all := stored(conv, 1, 1000)
	has := func(from, to uint64) bool {
		got, whole := c.Hot(t.Context(), store.Span{ConversationID: conv, From: from, To: to})
		if whole {
			assert.Equal(t, all[from:to], got)
		}
		return whole
	}
	require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: conv, LastSeq: 500, Stored: all[:500]}}))
	assert.True(t, has(200, 500))
	assert.False(t, has(199, 499))
	assert.False(t, has(499, 501), "beyond the end")
	require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: conv, LastSeq: 560, Stored: all[550:560]}}))
	assert.False(t, has(540, 560), "a gap: the cache missed a commit")
	assert.True(t, has(550, 560))
	require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: conv}, all[400:560]))
	assert.True(t, has(400, 560), "repaired")
	require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: conv}, nil))
	require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: conv}, all))
	assert.True(t, has(1000-cache.HotMessages, 1000))
	assert.False(t, has(1000-cache.HotMessages-1, 1000-1))
}

// hotAreAsNewAsTheirMark: what the cache holds of a conversation is believed only where it knows
// the newest change of an earlier message.
func hotAreAsNewAsTheirMark(t *testing.T, c Kept) {
	conv := ns + "0"
	all := stored(conv, 1, 4)
	changed := func(seq uint64, text string) store.Message {
		m := all[seq-1]
		m.Content, m.Extra = text, &store.Extra{EditedAt: 5}
		return m
	}
	commit := func(n int, before, now uint64, updated ...store.Message) {
		require.NoError(t, c.Follow(t.Context(), []store.Committed{{
			ConversationID: conv, LastSeq: uint64(n), Stored: all[n-1 : n], Changed: now, ChangedBefore: before, Updated: updated, //nolint:gosec // small
		}}))
	}
	text := func(known uint64) string {
		got, whole := c.Hot(t.Context(), store.Span{ConversationID: conv, From: 0, To: 1, Changed: known})
		if !whole {
			return ""
		}
		return got[0].Content
	}
	for n := range 2 {
		commit(n+1, 0, 0)
	}
	assert.Equal(t, all[0].Content, text(0))
	assert.Empty(t, text(3), "the database knows a change that the cache does not")
	commit(3, 0, 3, changed(1, "new"))
	assert.Equal(t, "new", text(3))
	require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: conv}, all[:2]), "a reader who is late")
	assert.Equal(t, "new", text(3), "what is newer stays")
	// The cache misses the change that is number 4, and hears of the next.
	require.NoError(t, c.Warm(t.Context(), store.Span{ConversationID: conv, Changed: 4}, append([]store.Message{changed(1, "newest")}, all[1:]...)))
	assert.Equal(t, "newest", text(4), "repaired by a reader")
	require.NoError(t, c.Follow(t.Context(), []store.Committed{{
		ConversationID: conv, LastSeq: 4, Changed: 5, ChangedBefore: 4, Updated: []store.Message{changed(1, "5"), changed(3, "5")}, Dropped: []uint64{2},
	}}))
	assert.Equal(t, "5", text(5))
	_, whole := c.Hot(t.Context(), store.Span{ConversationID: conv, From: 0, To: 2, Changed: 5})
	assert.False(t, whole, "what has to be read again is not there")
	commit(4, 7, 8, changed(2, "x"))
	assert.Empty(t, text(8), "what may be old is gone")
}

func hotExpire(t *testing.T, c Kept) {
	expire := func(done ...store.Expired) { require.NoError(t, c.Expire(t.Context(), done)) }
	has := func(conv string, from, to uint64) bool {
		_, whole := c.Hot(t.Context(), store.Span{ConversationID: conv, From: from, To: to})
		return whole
	}
	one, two := ns+"1", ns+"2"
	for _, conv := range []string{one, two} {
		require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: conv, LastSeq: 10, Stored: stored(conv, 1, 10)}}))
	}
	expire()
	expire(store.Expired{ConversationID: ns + "3", Messages: 5, Through: 5})
	expire(store.Expired{ConversationID: one, Messages: 5, Through: 5, Edits: []uint64{8, 99}})
	assert.False(t, has(one, 4, 6))
	assert.True(t, has(one, 5, 7))
	assert.False(t, has(one, 7, 8), "an edit of what has expired")
	assert.True(t, has(one, 8, 10))
	assert.True(t, has(two, 0, 10))
	expire(store.Expired{ConversationID: two})
	assert.False(t, has(two, 9, 10), "somebody may not have come to it")
}

func spansAtOnce(t *testing.T, c Kept) {
	var done []store.Committed
	for _, conv := range []string{ns + "1", ns + "2"} {
		done = append(done, store.Committed{ConversationID: conv, LastSeq: 400, Stored: stored(conv, 1, 400)})
	}
	require.NoError(t, c.Follow(t.Context(), done))
	got := c.HotMany(t.Context(), []store.Span{
		{ConversationID: ns + "1", From: 399, To: 400}, {ConversationID: ns + "3", From: 0, To: 1}, {ConversationID: ns + "2", From: 398, To: 400},
		{ConversationID: ns + "2", From: 0, To: 400}, {ConversationID: ns + "2", From: 398, To: 400, Changed: 5},
	})
	assert.Equal(t, [][]store.Message{stored(ns+"1", 400, 400), nil, stored(ns+"2", 399, 400), nil, nil}, got)
}

// readIsTheReaders: a reader that changes what it read does not change what others read.
func readIsTheReaders(t *testing.T, c Kept) {
	conv := ns + "1"
	first := stored(conv, 1, 3)
	require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: conv, LastSeq: 3, Stored: first}}))
	first[0].Content = "of who stored it"
	span := store.Span{ConversationID: conv, From: 0, To: 3}
	for range 2 {
		got, whole := c.Hot(t.Context(), span)
		require.True(t, whole)
		assert.Equal(t, stored(conv, 1, 3), got)
		for i := range got {
			got[i].Expire(3)
		}
	}
	require.NoError(t, c.Warm(t.Context(), span, first))
	first[0].Content = "of who read it"
	got, _ := c.Hot(t.Context(), span)
	assert.Equal(t, "of who stored it", got[0].Content)
}
