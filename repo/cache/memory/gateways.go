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

// gateway is a gateway that has beaten.
type gateway struct {
	// life is a random word. A gateway that beats again after more than cache.GatewayFor gets a
	// new one, and has to put its sessions again.
	life  string
	beat  time.Time
	ready bool
}

func (g *gateway) lives(now time.Time) bool   { return g != nil && now.Sub(g.beat) <= cache.GatewayFor }
func (g *gateway) isReady(now time.Time) bool { return g.lives(now) && g.ready }

// Beat implements cache.Gateways. A nil PutAt, which only an older release sends, counts as nothing
// put: the gateway in this process is of this release.
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
	return cache.Heard{Fresh: !known, At: g.life, Dead: s.dead(now)}, nil
}

// dead lists, sorted, the gateways whose last beat is older than cache.GatewayFor, but not older than cache.DeadFor.
func (s *Sessions) dead(now time.Time) []string {
	var out []string
	for id, g := range s.gateways {
		if !g.lives(now) && now.Sub(g.beat) <= cache.DeadFor {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
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

// unsure lists, sorted, the gateways that may live and of which sessions may be missing: those that
// are not ready, those whose beat is late, and those that only the witness names.
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

// Witness sets another source of the live gateways, also those of other processes. live must not
// block. Call Witness before any other method.
func (s *Sessions) Witness(live func() []string) {
	s.witness = &witness{live: live, seen: map[string]time.Time{}}
}

// witness remembers each gateway that live named for cache.SeenFor: live may miss one for a moment.
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
