package memory

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// numbers are the counters of conversations, and what is known of sends.
type numbers struct {
	mu       sync.Mutex
	counters table[string, *uint64]
	// sends go in the order in which they were put, not by use: a send is as a rule asked for
	// once, when it is new.
	sends table[store.ClientKey, send]
}

// send is the number that was given to a message, and what it was stored as; id 0: it is not
// known to be stored.
type send struct {
	seq    uint64
	id, at int64
}

// forever is how long counters are kept: they go only for lack of room.
const forever = time.Duration(math.MaxInt64)

// Stored implements cache.Numbers.
func (c *Cache) Stored(_ context.Context, keys []store.ClientKey) ([]store.Message, error) {
	now := c.now()
	out := make([]store.Message, len(keys))
	n := &c.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, k := range keys {
		if s, ok := n.sends.peek(k, now); ok && s.id != 0 {
			out[i] = store.Message{
				ID: s.id, Seq: s.seq, Timestamp: s.at, ConversationID: k.ConversationID, SenderID: k.SenderID, ClientID: k.ClientID,
			}
		}
	}
	return out, nil
}

// Allocate implements cache.Numbers.
func (c *Cache) Allocate(_ context.Context, keys []store.ClientKey) ([]uint64, error) {
	now := c.now()
	out := make([]uint64, len(keys))
	n := &c.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, k := range keys {
		if s, ok := n.sends.peek(k, now); ok {
			out[i] = s.seq
			continue
		}
		counter, ok := n.counters.get(k.ConversationID, now)
		if !ok {
			continue
		}
		*counter++
		out[i] = *counter
		n.sends.put(k, send{seq: *counter}, cache.GivenFor, now)
	}
	return out, nil
}

// Seed implements cache.Numbers.
func (c *Cache) Seed(_ context.Context, last map[string]uint64) error {
	now := c.now()
	n := &c.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	for conv, seq := range last {
		if _, ok := n.counters.get(conv, now); !ok {
			n.counters.put(conv, &seq, forever, now)
		}
	}
	return nil
}

func (n *numbers) follow(done []store.Committed, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range done {
		d := &done[i]
		for _, list := range [][]store.Message{d.Stored, d.Known} {
			for j := range list {
				m := &list[j]
				n.sends.put(m.Key(), send{m.Seq, m.ID, m.Timestamp}, cache.StoredFor, now)
			}
		}
		for _, k := range d.Refused {
			n.sends.remove(k)
		}
		// The counter must not be below the database's last number. Proposed numbers that were
		// not used are given back when no number was proposed since.
		counter, ok := n.counters.get(d.ConversationID, now)
		if ok && (*counter < d.LastSeq || *counter == d.TopProposed && *counter > d.LastSeq) {
			*counter = d.LastSeq
		}
	}
}

func (n *numbers) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counters.clear()
	n.sends.clear()
}

func (n *numbers) usage() usage {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counters.usage().plus(n.sends.usage())
}
