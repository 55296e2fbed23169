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
	// gatherMost bounds the entries that wait and whose keys are sure to exist; as many others may wait besides.
	gatherMost = 1 << 16
	// gatherShare bounds such entries of one user, so that nobody takes the places of others.
	gatherShare = 1 << 10
	// gatherUnsure bounds the entries of one user whose keys may be made up.
	gatherUnsure = 1 << 8
	// gatherRun is how many entries one call hands over.
	gatherRun = contracts.DeliveredBatch
	// gatherRetry is the pause after a call that failed.
	gatherRetry = time.Second
)

// gather collects the newest value of each key and hands many of them over in one call, at most once in a while:
// values of a key that come meanwhile are merged. One goroutine makes all calls. Safe for concurrent use.
type gather[K comparable, V any] struct {
	// what names the entries in log lines.
	what string
	// pause is how long the first entry waits for others before a call is made.
	pause   time.Duration
	timeout time.Duration
	merge   func(old, newer V) V
	owner   func(K) int64 // the user whose share the entry counts against
	// sure reports whether a key is known to exist; nil: all are. Keys that a client may have made up have places of
	// their own, so that they take none from the others.
	sure func(K) bool
	send func(ctx context.Context, run []V) error
	log  *zap.Logger

	mu      sync.Mutex
	waiting map[K]V
	certain places
	unsure  places
	tried   chan struct{} // closed when the next attempt to hand over what waits has ended
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

// places counts the entries that wait, in all and of each user.
type places struct {
	share int // of one user
	taken int
	owned map[int64]int // by user
}

// take takes a place for an entry of owner, and reports whether there was one.
func (p *places) take(owner int64) bool {
	if p.taken >= gatherMost || p.owned[owner] >= p.share {
		return false
	}
	p.taken++
	p.owned[owner]++
	return true
}

// add queues a value, or merges it with the one of its key that waits; taken is false when too many entries wait, in
// all or of the key's user. tried is closed after the next attempt to hand the value over, even if that failed.
func (g *gather[K, V]) add(k K, v V) (tried <-chan struct{}, taken bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.put(k, v, false) {
		return nil, false
	}
	g.wake()
	return g.tried, true
}

// put merges v with the value of k that waits; older says that v is the older of the two. False: there is no place.
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

// run hands over what is added until quit is closed, and once more then.
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

// rest waits for d. False: quit was closed before.
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

// flush hands over everything that waits. False: some of it is put back to be tried again.
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

// hand makes one call. True: run is handed over, or trying again is useless.
func (g *gather[K, V]) hand(run []V) bool {
	ctx, cancel := context.WithTimeout(context.Background(), g.timeout)
	defer cancel()
	err := g.send(ctx, run)
	if err == nil {
		return true
	}
	away := contracts.AsError(err).Code == contracts.CodeUnavailable
	outcome := "are lost: trying again is useless"
	if away {
		outcome = "are handed over later"
	}
	g.log.Warn(fmt.Sprintf("%d %s could not be handed over, and %s", len(run), g.what, outcome), zap.Error(err))
	return !away
}

// keep puts back the entries that were not handed over; those that find no place are lost.
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
