package search

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/store"
)

// fakeIndex is a database in memory, in which one user is in every conversation.
type fakeIndex struct {
	scope    []store.Conversation
	messages map[string][]store.Message
	blocks   map[string][]store.Block
	read     int
}

func (f *fakeIndex) add(conv string, join uint64, messages []store.Message) {
	last := int64(0)
	for i := range messages {
		last = max(last, messages[i].Timestamp)
	}
	f.scope = append(f.scope, store.Conversation{ID: conv, LastSeq: uint64(len(messages)), JoinSeq: join, LastMessageAt: last})
	f.messages[conv] = messages
	f.blocks[conv] = Blocks(messages)
	slices.SortFunc(f.blocks[conv], func(a, b store.Block) int {
		return cmp.Or(cmp.Compare(b.NewestAt, a.NewestAt), cmp.Compare(b.Number, a.Number))
	})
}

func (f *fakeIndex) Searchable(_ context.Context, _ int64, conv string) (out []store.Conversation, err error) {
	for _, c := range f.scope {
		if conv == "" || conv == c.ID {
			out = append(out, c)
		}
	}
	return out, nil
}

func (f *fakeIndex) Blocks(_ context.Context, ranges []store.BlockRange) (out [][]store.Block, err error) {
	for _, r := range ranges {
		var list []store.Block
		for _, b := range f.blocks[r.ConversationID] {
			behind := b.NewestAt < r.NewestAt || b.NewestAt == r.NewestAt && b.Number < r.Number
			if behind && b.OldestAt <= r.NotAfter && len(list) < r.Limit {
				list = append(list, b)
			}
		}
		out = append(out, list)
	}
	return out, nil
}

func (f *fakeIndex) Current(_ context.Context, spans []store.Span) (out [][]store.Message, err error) {
	for _, s := range spans {
		out = append(out, f.messages[s.ConversationID][s.From:s.To])
		f.read += int(s.To - s.From)
	}
	return out, nil
}

// pages reads everything, and looks that it comes to an end.
func pages(t *testing.T, ix store.SearchReader, r Request) (out []store.Message) {
	t.Helper()
	for range 10_000 {
		page, next, err := Find(t.Context(), ix, r)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), r.Limit)
		out = append(out, page...)
		if next == "" {
			return out
		}
		require.NotEqual(t, r.Cursor, next, "it moves on")
		r.Cursor = next
	}
	require.Fail(t, "no end")
	return nil
}

// TestFindIsExact compares with a look at every message, whatever clocks said and
// wherever pages end.
func TestFindIsExact(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable
		ix := &fakeIndex{messages: map[string][]store.Message{}, blocks: map[string][]store.Block{}}
		skew := []int64{1, 5, 100, 5000}[r.IntN(4)]
		id := int64(1)
		var all []store.Message
		word := []string{"needle", "e t", "the", "nowhere at all"}[r.IntN(4)]
		for c := range 1 + r.IntN(15) {
			conv := fmt.Sprint("c", c)
			var list []store.Message
			begin, join := r.Int64N(3000), uint64(r.IntN(3)*r.IntN(50))
			for seq := range r.IntN(900) {
				m := store.Message{ID: id, ConversationID: conv, Seq: uint64(seq + 1), Type: "text", Content: Words(r, 20), Timestamp: begin + int64(seq)*3 + r.Int64N(skew)}
				id++
				switch r.IntN(20) {
				case 0:
					m.Content = "the Needle here"
				case 1:
					m.Type = "system"
				case 2:
					m.Content = ""
				}
				list = append(list, m)
				if m.Seq > join && Found(&m) && strings.Contains(Fold(m.Content), word) {
					all = append(all, m)
				}
			}
			ix.add(conv, join, list)
		}
		slices.SortFunc(all, func(a, b store.Message) int {
			return cmp.Or(cmp.Compare(b.Timestamp, a.Timestamp), cmp.Compare(b.ID, a.ID))
		})
		got := pages(t, ix, Request{UserID: 1, Query: NewQuery(word), Limit: 1 + r.IntN(100)})
		require.Equal(t, all, got, "seed %d, %q", seed, word)
	}
}

// TestCommonWordsReadLittle: the first page of a search for a common word reads few messages
// of few conversations.
func TestCommonWordsReadLittle(t *testing.T) {
	t.Parallel()
	ix := &fakeIndex{messages: map[string][]store.Message{}, blocks: map[string][]store.Block{}}
	for c := range 50 {
		list := make([]store.Message, 640)
		for i := range list {
			list[i] = store.Message{ID: int64(c*1000 + i + 1), ConversationID: fmt.Sprint(c), Seq: uint64(i + 1), Type: "text", Content: "the same", Timestamp: int64(c*1000 + i)}
		}
		ix.add(fmt.Sprint(c), 0, list)
	}
	page, next, err := Find(t.Context(), ix, Request{UserID: 1, Query: NewQuery("same"), Limit: 20})
	require.NoError(t, err)
	assert.Len(t, page, 20)
	assert.NotEmpty(t, next)
	assert.Less(t, ix.read, 10*store.BlockSize)
}

// TestReadingHasABound: when the index proposes many blocks without a match, a page ends early
// and the next one goes on, also when all messages have the same time.
func TestReadingHasABound(t *testing.T) {
	t.Parallel()
	bounded(t, func(i int) int64 { return int64(i) }, 2*maxMessages)
	bounded(t, func(i int) int64 { return int64(min(i, 1)) }, 4*maxMessages)
}

func bounded(t *testing.T, at func(i int) int64, most int) {
	t.Helper()
	const total = 3 * maxMessages
	ix := &fakeIndex{messages: map[string][]store.Message{}, blocks: map[string][]store.Block{}}
	list := make([]store.Message, total)
	for i := range list {
		list[i] = store.Message{ID: int64(i + 1), ConversationID: "c", Seq: uint64(i + 1), Type: "text", Content: []string{"aaab", "abbb"}[i%2], Timestamp: at(i)}
	}
	list[0].Content = "aabbb aaabbb"
	ix.add("c", 0, list)
	q := NewQuery("aaabbb")
	page, next, err := Find(t.Context(), ix, Request{UserID: 1, Query: q, Limit: 20})
	require.NoError(t, err)
	assert.Empty(t, page)
	assert.NotEmpty(t, next)
	assert.Less(t, ix.read, most)
	assert.Len(t, pages(t, ix, Request{UserID: 1, Query: q, Limit: 20}), 1)
}

func TestCursors(t *testing.T) {
	t.Parallel()
	for _, p := range []place{{0, 1}, {1 << 60, 1 << 62}, {-1, -1}} {
		got, err := parseCursor(formatCursor(p))
		require.NoError(t, err)
		assert.Equal(t, p, got)
	}
	for _, bad := range []string{"nonsense", "!", "MQ", "MS4", "MS4yLjM"} {
		_, err := parseCursor(bad)
		require.ErrorIs(t, err, store.ErrBadCursor, bad)
	}
}
