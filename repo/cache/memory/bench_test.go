package memory_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/memory"
	"github.com/gochat/gochat/repo/store"
)

// BenchmarkMessage measures what the cache costs a message on its way: it is looked up, numbered
// and stored in a run of some, and its recipients are located.
func BenchmarkMessage(b *testing.B) {
	for _, run := range []int{1, 32} {
		b.Run(fmt.Sprint("runs of ", run), func(b *testing.B) {
			c, s := memory.New(memory.Config{Bytes: 64 << 20}), memory.NewSessions(time.Now)
			heard, _ := s.Beat(b.Context(), "gw", cache.Beat{Ready: true})
			_, _ = s.Beat(b.Context(), "gw", cache.Beat{Ready: true, PutAt: &heard.At})
			for user := range int64(10_000) {
				_ = s.Put(b.Context(), []cache.Session{{UserID: user, ConnectionID: "c", GatewayID: "gw"}})
			}
			var workers atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				w := workers.Add(1)
				conv := fmt.Sprint("group_", w)
				_ = c.Seed(b.Context(), map[string]uint64{conv: 0})
				keys, last := make([]store.ClientKey, run), uint64(0)
				for n := 0; p.Next(); n++ {
					if n%run != 0 {
						continue
					}
					for i := range keys {
						keys[i] = store.ClientKey{ConversationID: conv, SenderID: w, ClientID: fmt.Sprint(n + i)}
					}
					message(b, c, s, keys, &last)
				}
			})
		})
	}
}

func message(b *testing.B, c *memory.Cache, s *memory.Sessions, keys []store.ClientKey, last *uint64) {
	_, _ = c.Stored(b.Context(), keys)
	given, _ := c.Allocate(b.Context(), keys)
	d := store.Committed{ConversationID: keys[0].ConversationID}
	for i, k := range keys {
		d.Stored = append(d.Stored, store.Message{
			ID: 1, ConversationID: k.ConversationID, Seq: given[i], SenderID: k.SenderID, ClientID: k.ClientID, Content: "hello",
		})
		*last = given[i]
		s.Locate(b.Context(), []int64{int64(i), int64(i + 1)})
	}
	d.LastSeq, d.TopProposed = *last, *last
	_ = c.Follow(b.Context(), []store.Committed{d})
}
