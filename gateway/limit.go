package gateway

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// limitedAddresses bounds the memory of the limits; an address that is pushed out
// has been quiet for longer than this many others.
const limitedAddresses = 1 << 16

// addressLimits are the limits on what one address may do. Safe for concurrent use.
type addressLimits struct {
	auth, handshakes *buckets
}

func newAddressLimits(r Rates) (*addressLimits, error) {
	auth, err := newBuckets(rate.Every(time.Minute/time.Duration(r.AuthPerMinute)), r.AuthPerMinute)
	if err != nil {
		return nil, err
	}
	handshakes, err := newBuckets(rate.Limit(r.HandshakesPerSecond), r.HandshakesPerSecond)
	if err != nil {
		return nil, err
	}
	return &addressLimits{auth: auth, handshakes: handshakes}, nil
}

// buckets are token buckets, one for each address seen lately.
type buckets struct {
	every rate.Limit
	burst int
	known *lru.Cache[netip.Addr, *rate.Limiter]
}

func newBuckets(every rate.Limit, burst int) (*buckets, error) {
	known, err := lru.New[netip.Addr, *rate.Limiter](limitedAddresses)
	if err != nil {
		return nil, fmt.Errorf("make a limit on addresses: %w", err)
	}
	return &buckets{every: every, burst: burst, known: known}, nil
}

// take counts one attempt. It returns the whole seconds to wait when there were too
// many; such an attempt is not counted.
func (b *buckets) take(addr netip.Addr) (retryAfter int) {
	key := limitKey(addr)
	l, ok := b.known.Get(key)
	if !ok {
		l = rate.NewLimiter(b.every, b.burst)
		if was, there, _ := b.known.PeekOrAdd(key, l); there {
			l = was
		}
	}
	r := l.Reserve()
	wait := r.Delay()
	if wait <= 0 {
		return 0
	}
	r.Cancel()
	return int(math.Ceil(wait.Seconds()))
}

// retrySpread hands out delays of which no two within its width are alike, in an
// order that looks random.
type retrySpread struct {
	width uint64
	step  uint64
	at    atomic.Uint64
}

// minRetry is the shortest delay in milliseconds that a client is told.
const minRetry = 200

func newRetrySpread(width time.Duration) *retrySpread {
	r := &retrySpread{width: uint64(max(width.Milliseconds(), 1))}
	r.step = coprime(r.width)
	r.at.Store(rand.Uint64N(r.width)) //nolint:gosec // spreads load, keeps no secret
	return r
}

// coprime returns a step that visits every number below width before it repeats one.
func coprime(width uint64) uint64 {
	step := width*6/10 + 1
	for ; ; step++ {
		a, b := step, width
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return step
		}
	}
}

// next returns a delay in milliseconds.
func (r *retrySpread) next() int64 {
	return minRetry + int64(r.at.Add(1)%r.width*r.step%r.width) //nolint:gosec // both are small
}
