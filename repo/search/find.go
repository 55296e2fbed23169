package search

import (
	"container/heap"
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gochat/gochat/repo/store"
)

// Bounds of the reading for one page. When one is reached, the page ends early, with a cursor.
const (
	maxBlocks   = 16_384
	maxMessages = 16_384
	maxTime     = time.Second
)

// Bounds of one round trip. Reading begins small, since the newest messages often
// match, and doubles.
const (
	maxStreams    = 50
	maxCandidates = 32
	firstRun      = 4
	longestRun    = 128
)

// Request is a page of a search.
type Request struct {
	UserID         int64
	ConversationID string
	Query          Query
	Cursor         string
	Limit          int
}

// place is a point in the order of results: newest first.
type place struct{ at, id int64 }

func (p place) before(q place) bool { return p.at > q.at || p.at == q.at && p.id > q.id }

// Find returns a page of results, newest first, and the cursor of the next page, "" after the last
// one. A page may have fewer results than the limit and a cursor all the same. store.ErrBadCursor.
//
// It is a best-first search over three kinds of items, each with a bound on how new a result in
// it can be: the remaining blocks of a conversation, a block that may have a match, and a message
// that matches. A message is a result once no item is left that could have a newer one. So the
// order is exact even when the clocks of gateways differ, and old conversations are not read at
// all for the first page.
func Find(ctx context.Context, ix store.SearchReader, r Request) ([]store.Message, string, error) {
	start, err := parseCursor(r.Cursor)
	if err != nil {
		return nil, "", err
	}
	scope, err := ix.Searchable(ctx, r.UserID, r.ConversationID)
	if err != nil {
		return nil, "", err
	}
	f := &finder{ix: ix, query: r.Query, start: start, streams: firstRun, candidates: 1, until: time.Now().Add(maxTime)}
	for i := range scope {
		c := &scope[i]
		if c.LastSeq > 0 {
			f.push(item{place: f.bound(c.LastMessageAt), stream: &stream{conv: c, newest: math.MaxInt64, run: firstRun}})
		}
	}
	var out []store.Message
	for len(f.heap) > 0 && len(out) < r.Limit {
		top := f.heap[0]
		if top.message != nil {
			out = append(out, *top.message)
			heap.Pop(&f.heap)
			continue
		}
		if f.spent() && start.before(top.place) {
			return out, formatCursor(top.place), nil
		}
		if err := f.step(ctx); err != nil {
			return nil, "", err
		}
	}
	if len(f.heap) == 0 {
		return out, "", nil
	}
	last := &out[len(out)-1]
	return out, formatCursor(place{last.Timestamp, last.ID}), nil
}

// item is one of the three kinds.
type item struct {
	place
	stream  *stream
	block   *candidate
	message *store.Message
}

// stream is the blocks of a conversation that were not read yet.
type stream struct {
	conv *store.Conversation
	// newest and number are of the last block that was read.
	newest int64
	number uint64
	run    int
}

// candidate is a block that may have a match.
type candidate struct {
	conv *store.Conversation
	key  store.BlockKey
}

type finder struct {
	ix    store.SearchReader
	query Query
	start place
	heap  items
	until time.Time

	streams, candidates int
	blocks, messages    int
}

// bound returns the newest place that a result can have among messages that are not newer than at.
func (f *finder) bound(at int64) place {
	if b := (place{at, math.MaxInt64}); f.start.before(b) {
		return b
	}
	return place{f.start.at, math.MaxInt64}
}

func (f *finder) push(it item) { heap.Push(&f.heap, it) }

// spent reports whether the page has read enough.
func (f *finder) spent() bool {
	return f.blocks >= maxBlocks || f.messages >= maxMessages || !time.Now().Before(f.until)
}

// step opens the item that could have the newest result, together with the items right after
// it that are of the same kind.
func (f *finder) step(ctx context.Context) error {
	if f.heap[0].stream != nil {
		batch := f.take(f.streams, func(it *item) bool { return it.stream != nil })
		f.streams = min(2*f.streams, maxStreams)
		return f.read(ctx, batch)
	}
	batch := f.take(f.candidates, func(it *item) bool { return it.block != nil })
	f.candidates = min(2*f.candidates, maxCandidates)
	return f.verify(ctx, batch)
}

func (f *finder) take(most int, of func(*item) bool) (out []item) {
	for len(out) < most && len(f.heap) > 0 && of(&f.heap[0]) {
		out = append(out, heap.Pop(&f.heap).(item)) //nolint:forcetypeassert // it holds nothing else
	}
	return out
}

// read reads the next blocks of streams.
func (f *finder) read(ctx context.Context, batch []item) error {
	ranges := make([]store.BlockRange, len(batch))
	for i, it := range batch {
		s := it.stream
		s.run = min(s.run, max(firstRun, 2*longestRun/len(batch)))
		ranges[i] = store.BlockRange{ConversationID: s.conv.ID, NewestAt: s.newest, Number: s.number, NotAfter: f.start.at, Limit: s.run}
	}
	lists, err := f.ix.Blocks(ctx, ranges)
	if err != nil {
		return err
	}
	for i, list := range lists {
		s := batch[i].stream
		f.blocks += 1 + len(list)
		for j := range list {
			b := &list[j]
			if f.query.MayBeIn(b.Grams) {
				f.push(item{place: f.bound(b.NewestAt), block: &candidate{conv: s.conv, key: b.BlockKey}})
			}
		}
		if len(list) < s.run {
			continue // that was all
		}
		last := &list[len(list)-1]
		s.newest, s.number, s.run = last.NewestAt, last.Number, min(2*s.run, longestRun)
		f.push(item{place: f.bound(s.newest), stream: s})
	}
	return nil
}

// verify reads the messages of candidates and keeps those that match.
func (f *finder) verify(ctx context.Context, batch []item) error {
	var spans []store.Span
	for _, it := range batch {
		s := it.block.key.Span()
		s.From, s.To = max(s.From, it.block.conv.JoinSeq), min(s.To, it.block.conv.LastSeq)
		if s.From < s.To {
			spans = append(spans, s)
		}
	}
	lists, err := f.ix.Current(ctx, spans)
	if err != nil {
		return err
	}
	for _, list := range lists {
		f.messages += len(list)
		for i := range list {
			m := &list[i]
			at := place{m.Timestamp, m.ID}
			if f.start.before(at) && Found(m) && strings.Contains(Loose(m.Content), f.query.loose) {
				f.push(item{place: at, message: m})
			}
		}
	}
	return nil
}

// items is a heap, the newest place first. The order of two items at the same place is of no matter.
type items []item

// Len implements heap.Interface, as the next methods do.
func (h items) Len() int           { return len(h) }
func (h items) Less(i, j int) bool { return h[i].before(h[j].place) }
func (h items) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *items) Push(x any) { *h = append(*h, x.(item)) } //nolint:forcetypeassert // it holds nothing else

// Pop implements heap.Interface.
func (h *items) Pop() any {
	old := *h
	it := old[len(old)-1]
	*h = old[:len(old)-1]
	return it
}

func formatCursor(p place) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.at, 10) + "." + strconv.FormatInt(p.id, 10)))
}

// parseCursor returns the place after which a page begins.
func parseCursor(cursor string) (place, error) {
	if cursor == "" {
		return place{math.MaxInt64, math.MaxInt64}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return place{}, fmt.Errorf("%w: %w", store.ErrBadCursor, err)
	}
	at, id, _ := strings.Cut(string(raw), ".")
	var p place
	if p.at, err = strconv.ParseInt(at, 10, 64); err == nil {
		p.id, err = strconv.ParseInt(id, 10, 64)
	}
	if err != nil {
		return place{}, fmt.Errorf("%w: %w", store.ErrBadCursor, err)
	}
	return p, nil
}
