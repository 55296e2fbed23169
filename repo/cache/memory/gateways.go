package memory

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gochat/gochat/repo/cache"
)

// gateway is one that has beaten.
type gateway struct {
	// life is a word that is another one after the gateway was not heard for so long that its
	// sessions may not be believed.
	life  string
	beat  time.Time
	ready bool
}

func (g *gateway) lives(now time.Time) bool   { return g != nil && now.Sub(g.beat) <= cache.GatewayFor }
func (g *gateway) isReady(now time.Time) bool { return g.lives(now) && g.ready }

// Beat implements cache.Gateways. A gateway that does not say what it has put would be of another
// version, which is not in this process: it has put nothing.
func (s *Sessions) Beat(_ context.Context, id string, b cache.Beat) (cache.Heard, error) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = true
	g := s.gateways[id]
	if !g.lives(now) {
		g = &gateway{life: "life:" + rand.Text()}
		s.gateways[id] = g
	}
	known := b.PutAt != nil && *b.PutAt == g.life
	g.beat, g.ready = now, b.Ready && known
	return cache.Heard{Fresh: !known, At: g.life}, nil
}

// Leave implements cache.Gateways.
func (s *Sessions) Leave(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.gateways, id)
	return nil
}

// Live implements cache.Gateways.
func (s *Sessions) Live(context.Context) []string {
	now := s.now()
	named := s.witness.named(now)
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := s.unsure(named, now)
	for id, g := range s.gateways {
		if g.isReady(now) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// unsure lists who may live and whose sessions are perhaps not all in: gateways that say so, that
// are late, or that only the witness names.
func (s *Sessions) unsure(named []string, now time.Time) []string {
	var out []string
	for id, g := range s.gateways {
		if now.Sub(g.beat) <= cache.SeenFor && !g.isReady(now) {
			out = append(out, id)
		}
	}
	for _, id := range named {
		if !s.gateways[id].isReady(now) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Witness names another way to know which gateways live, those of other processes too. It must
// answer at once. To be called before anything else.
func (s *Sessions) Witness(live func() []string) {
	s.witness = &witness{live: live, seen: map[string]time.Time{}}
}

// witness remembers whom it named for cache.SeenFor: it may have lost a gateway for a moment.
type witness struct {
	live func() []string

	mu   sync.Mutex
	seen map[string]time.Time
}

func (w *witness) named(now time.Time) []string {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.live() {
		w.seen[id] = now
	}
	maps.DeleteFunc(w.seen, func(_ string, at time.Time) bool { return now.Sub(at) > cache.SeenFor })
	return slices.Collect(maps.Keys(w.seen))
}
