package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
)

const (
	// gatherMost bounds the things of one kind that wait to be handed over and are known to be
	// true.
	gatherMost = 1 << 16
	// gatherShare is how many of them may be of one user, so that nobody takes the places of
	// others.
	gatherShare = 1 << 10
	// gatherUnsure is how many others may be of one user that are not known to be true, of as
	// many places again.
	gatherUnsure = 1 << 8
	// gatherRun is how many one call hands over.
	gatherRun = contracts.DeliveredBatch
	// gatherRetry is the pause after a call that failed.
	gatherRetry = time.Second
)

// gather hands over the newest value of many keys, of each at most once in a while:
// what comes meanwhile is merged. One goroutine makes all calls. Safe for concurrent use.
type gather[K comparable, V any] struct {
	// what names the things in the log.
	what string
	// pause is how long the first of a run waits for others.
	pause   time.Duration
	timeout time.Duration
	merge   func(old, newer V) V
	owner   func(K) int64 // whose thing it is
	// sure reports whether there is such a thing; nil: there is. What may be made up has places
	// of its own, so that it takes none of the others.
	sure func(K) bool
	send func(ctx context.Context, run []V) error
	log  *zap.Logger

	mu      sync.Mutex
	waiting map[K]V
	certain places
	unsure  places
	tried   chan struct{} // closed when a call with what waits now has ended
	kick    chan struct{}
	quit    chan struct{}
}

// start completes a gather; run is to be started after it.
func (g *gather[K, V]) start() *gather[K, V] {
	g.reset()
	g.kick, g.quit = make(chan struct{}, 1), make(chan struct{})
	return g
}

// reset begins with nothing that waits.
func (g *gather[K, V]) reset() {
	g.waiting, g.tried = map[K]V{}, make(chan struct{})
	g.certain, g.unsure = places{share: gatherShare, owned: map[int64]int{}}, places{share: gatherUnsure, owned: map[int64]int{}}
}

// places are what things take while they wait.
type places struct {
	share int // of one user
	taken int
	owned map[int64]int // by user
}

// take reports whether there was a place.
func (p *places) take(owner int64) bool {
	if p.taken >= gatherMost || p.owned[owner] >= p.share {
		return false
	}
	p.taken++
	p.owned[owner]++
	return true
}

// add takes a value, unless too many wait, of all or of its user. tried is closed when it was handed over, or
// that has failed for now.
func (g *gather[K, V]) add(k K, v V) (tried <-chan struct{}, taken bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.put(k, v, false) {
		return nil, false
	}
	g.wake()
	return g.tried, true
}

// put merges a value with the one that waits; older says that it is the older one.
func (g *gather[K, V]) put(k K, v V, older bool) bool {
	there, known := g.waiting[k]
	switch {
	case known && older:
		v = g.merge(v, there)
	case known:
		v = g.merge(there, v)
	default:
		from := &g.certain
		if g.sure != nil && !g.sure(k) {
			from = &g.unsure
		}
		if !from.take(g.owner(k)) {
			return false
		}
	}
	g.waiting[k] = v
	return true
}

func (g *gather[K, V]) wake() {
	select {
	case g.kick <- struct{}{}:
	default: // it is awake
	}
}

// run works until quit, and then once more.
func (g *gather[K, V]) run() {
	for {
		select {
		case <-g.kick:
		case <-g.quit:
			g.flush()
			return
		}
		if !g.rest(g.pause) {
			g.flush()
			return
		}
		if g.flush() {
			continue
		}
		g.wake()
		if !g.rest(gatherRetry) {
			g.flush()
			return
		}
	}
}

// rest waits; false: until quit.
func (g *gather[K, V]) rest(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-g.quit:
		return false
	}
}

// flush hands over what waits. False: some of it has to be tried again.
func (g *gather[K, V]) flush() bool {
	g.mu.Lock()
	batch, tried := g.waiting, g.tried
	g.reset()
	g.mu.Unlock()
	defer close(tried)
	for len(batch) > 0 {
		keys, run := make([]K, 0, min(len(batch), gatherRun)), make([]V, 0, min(len(batch), gatherRun))
		for k, v := range batch {
			if len(run) == gatherRun {
				break
			}
			keys, run = append(keys, k), append(run, v)
		}
		if !g.hand(run) {
			g.keep(batch)
			return false
		}
		for _, k := range keys {
			delete(batch, k)
		}
	}
	return true
}

// hand makes one call. True: it is done, or trying again is useless.
func (g *gather[K, V]) hand(run []V) bool {
	ctx, cancel := context.WithTimeout(context.Background(), g.timeout)
	defer cancel()
	err := g.send(ctx, run)
	if err == nil {
		return true
	}
	away := contracts.AsError(err).Code == contracts.CodeUnavailable
	g.log.Warn(fmt.Sprintf("%d %s were not handed over", len(run), g.what), zap.Bool("again", away), zap.Error(err))
	return !away
}

// keep puts back what was not handed over; what there is no room for is lost.
func (g *gather[K, V]) keep(rest map[K]V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	lost := 0
	for k, v := range rest {
		if !g.put(k, v, true) {
			lost++
		}
	}
	if lost > 0 {
		g.log.Warn(fmt.Sprintf("%d %s are lost: too many wait", lost, g.what))
	}
}
