package memory

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// hot are the newest messages of conversations.
type hot struct {
	mu            sync.Mutex
	conversations table[string, *conversation]
}

// Hot implements cache.Hot.
func (c *Cache) Hot(_ context.Context, s store.Span) ([]store.Message, bool) {
	now := c.now()
	c.hot.mu.Lock()
	defer c.hot.mu.Unlock()
	list := c.hot.span(s, now)
	return list, list != nil
}

// HotMany implements cache.Hot.
func (c *Cache) HotMany(_ context.Context, spans []store.Span) [][]store.Message {
	now := c.now()
	out := make([][]store.Message, len(spans))
	c.hot.mu.Lock()
	defer c.hot.mu.Unlock()
	for i, s := range spans {
		out[i] = c.hot.span(s, now)
	}
	return out
}

func (h *hot) span(s store.Span, now time.Time) []store.Message {
	if s.To-s.From > cache.HotMessages {
		return nil
	}
	conv, ok := h.conversations.get(s.ConversationID, now)
	if !ok || s.Changed > 0 && conv.mark != s.Changed {
		return nil
	}
	return conv.span(s.From, s.To)
}

// Warm implements cache.Hot.
func (c *Cache) Warm(_ context.Context, s store.Span, newest []store.Message) error {
	if len(newest) == 0 {
		return nil
	}
	now := c.now()
	c.hot.mu.Lock()
	defer c.hot.mu.Unlock()
	conv := c.hot.open(s.ConversationID, now)
	if conv.mark > s.Changed {
		return nil
	}
	if conv.mark < s.Changed {
		// A change was missed: the messages that are kept may be from before that change.
		conv.clear()
		conv.mark = s.Changed
	}
	for i := max(0, len(newest)-cache.HotMessages); i < len(newest); i++ {
		conv.put(newest[i])
	}
	conv.trim()
	c.hot.conversations.put(s.ConversationID, conv, cache.HotFor, now)
	return nil
}

// Expire implements cache.Hot.
func (c *Cache) Expire(_ context.Context, done []store.Expired) error {
	now := c.now()
	c.hot.mu.Lock()
	defer c.hot.mu.Unlock()
	for _, d := range done {
		conv, ok := c.hot.conversations.get(d.ConversationID, now)
		if !ok {
			continue
		}
		if d.Messages == 0 {
			conv.clear()
		} else {
			conv.dropThrough(d.Through)
			for _, seq := range d.Edits {
				conv.drop(seq)
			}
		}
		c.hot.conversations.put(d.ConversationID, conv, cache.HotFor, now)
	}
	return nil
}

// open returns a conversation. A missing one is new and empty, and is not kept before it is put.
func (h *hot) open(id string, now time.Time) *conversation {
	if conv, ok := h.conversations.get(id, now); ok {
		return conv
	}
	return &conversation{}
}

func (h *hot) follow(done []store.Committed, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range done {
		d := &done[i]
		if len(d.Stored) == 0 && d.Changed == 0 && len(d.Updated) == 0 && len(d.Dropped) == 0 {
			continue
		}
		conv := h.open(d.ConversationID, now)
		conv.follow(d)
		h.conversations.put(d.ConversationID, conv, cache.HotFor, now)
	}
}

func (h *hot) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conversations.clear()
}

func (h *hot) usage() usage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conversations.usage()
}

// conversation is the hot messages of one conversation.
type conversation struct {
	// list is ascending, and may have gaps.
	list []store.Message
	// mark is the newest change of an earlier message that the list knows.
	mark uint64
	text int // bytes outside of the list
}

func (c *conversation) follow(d *store.Committed) {
	if d.Changed > 0 {
		if c.mark != d.ChangedBefore {
			// A change was missed: the messages that are kept may be from before that change.
			c.clear()
		}
		c.mark = d.Changed
	}
	for i := max(0, len(d.Stored)-cache.HotMessages); i < len(d.Stored); i++ {
		c.put(d.Stored[i])
	}
	for i := range d.Updated {
		// A message that is not hot is not added: its neighbours are not there either.
		if at, found := c.find(d.Updated[i].Seq); found {
			c.replace(at, d.Updated[i])
		}
	}
	for _, seq := range d.Dropped {
		c.drop(seq)
	}
	c.trim()
}

// span returns a copy of the messages with from < seq <= to when all of them are there.
func (c *conversation) span(from, to uint64) []store.Message {
	first, _ := c.find(from + 1)
	n := int(to - from)                  //nolint:gosec // at most HotMessages
	if n < 0 || len(c.list)-first < n || // ascending: it has no gap when both ends are in their places
		n > 0 && (c.list[first].Seq != from+1 || c.list[first+n-1].Seq != to) {
		return nil
	}
	out := make([]store.Message, n)
	copy(out, c.list[first:])
	return out
}

func (c *conversation) find(seq uint64) (at int, found bool) {
	if n := len(c.list); n == 0 || c.list[n-1].Seq < seq {
		return n, false
	}
	return slices.BinarySearchFunc(c.list, seq, func(m store.Message, seq uint64) int { return cmp.Compare(m.Seq, seq) })
}

func (c *conversation) put(m store.Message) {
	at, found := c.find(m.Seq)
	if found {
		c.replace(at, m)
		return
	}
	c.list = slices.Insert(c.list, at, m)
	c.text += textBytes(&m)
}

func (c *conversation) replace(at int, m store.Message) {
	c.text += textBytes(&m) - textBytes(&c.list[at])
	c.list[at] = m
}

func (c *conversation) drop(seq uint64) {
	if at, found := c.find(seq); found {
		c.text -= textBytes(&c.list[at])
		c.list = slices.Delete(c.list, at, at+1)
	}
}

func (c *conversation) dropThrough(seq uint64) {
	n, found := c.find(seq)
	if found {
		n++
	}
	c.dropFirst(n)
}

// trim keeps the newest.
func (c *conversation) trim() { c.dropFirst(len(c.list) - cache.HotMessages) }

func (c *conversation) dropFirst(n int) {
	if n <= 0 {
		return
	}
	for i := range n {
		c.text -= textBytes(&c.list[i])
	}
	clear(c.list[:n])
	c.list = c.list[n:]
}

func (c *conversation) clear() { c.list, c.text = nil, 0 }

func (c *conversation) bytes() int {
	return cap(c.list)*int(unsafe.Sizeof(store.Message{})) + c.text + int(unsafe.Sizeof(*c))
}

// textBytes is how many bytes a message refers to outside of its struct. Conversation and type are
// often shared, and counted for each message all the same.
func textBytes(m *store.Message) int {
	n := len(m.ConversationID) + len(m.Content) + len(m.Type) + len(m.ClientID)
	e := m.Extra
	if e == nil {
		return n
	}
	n += int(unsafe.Sizeof(*e)) + wordBytes*(len(e.Mentions)+len(e.Edits))
	for _, r := range e.Reactions {
		n += int(unsafe.Sizeof(r)) + len(r.Reaction) + wordBytes*len(r.Users)
	}
	if e.Change != nil {
		n += int(unsafe.Sizeof(*e.Change)) + len(e.Change.Reaction) + len(e.Change.Text)
	}
	return n
}
