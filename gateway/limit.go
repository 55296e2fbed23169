package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	// limitedKeys is how many addresses or users each limit remembers; beyond it the one is forgotten that has been quiet
	// for longest.
	limitedKeys = 1 << 16
	// leaseParts and maxLease say how many tokens a gateway takes ahead: one part of the shared bucket's burst, and at
	// most maxLease, so that few calls are made for many messages.
	leaseParts = 20
	maxLease   = 100
	// leaseTime is how long a gateway may hand out the tokens of a lease.
	leaseTime = 5 * time.Second
)

// limits are the limits on what one address or one user may do. Safe for concurrent
// use.
type limits struct {
	auth, handshakes *limit[netip.Addr]
	calls, sends     *limit[int64]
}

func newLimits(r Rates, shared pb.LimitRepoClient, m *metrics) (*limits, error) {
	l := &limits{}
	var err [4]error
	l.auth, err[0] = newLimit[netip.Addr]("auth", fill{r.AuthPerMinute, time.Minute, r.AuthPerMinute}, shared, m)
	l.handshakes, err[1] = newLimit[netip.Addr]("handshakes", fill{r.HandshakesPerSecond, time.Second, r.HandshakesPerSecond}, shared, m)
	l.calls, err[2] = newLimit[int64]("calls", fill{r.CallsPerSecond, time.Second, r.CallsBurst}, shared, m)
	l.sends, err[3] = newLimit[int64]("sends", fill{r.SendsPerSecond, time.Second, r.SendsBurst}, shared, m)
	return l, errors.Join(err[:]...)
}

// retune takes other rates. Tokens that a client has used stay used, and what it has left is at most its new burst.
func (l *limits) retune(r Rates) {
	l.auth.fill.Store(&fill{r.AuthPerMinute, time.Minute, r.AuthPerMinute})
	l.handshakes.fill.Store(&fill{r.HandshakesPerSecond, time.Second, r.HandshakesPerSecond})
	l.calls.fill.Store(&fill{r.CallsPerSecond, time.Second, r.CallsBurst})
	l.sends.fill.Store(&fill{r.SendsPerSecond, time.Second, r.SendsBurst})
}

// fill is how a token bucket fills: tokens come back in each per, up to burst.
type fill struct {
	tokens int
	per    time.Duration
	burst  int
}

// limit returns the rate as golang.org/x/time/rate takes it.
func (f fill) limit() rate.Limit { return rate.Every(f.per / time.Duration(f.tokens)) }

// lease returns how many tokens are taken from the shared bucket at once; with 1, none is taken ahead.
func (f fill) lease() int { return min(max(f.burst/leaseParts, 1), maxLease) }

// limit limits what each address or user does on all gateways together.
//
// The shared buckets decide. A gateway leases tokens from them and hands these out by itself; tokens that it does not
// hand out within leaseTime are lost to the client. Thus in any period a client gets at most what its bucket gave out
// in that period, and one lease for each gateway from the leaseTime before. A client that changes gateways may be
// refused while its former gateway still holds a lease of its tokens.
//
// Each gateway counts by itself besides, with the same numbers: while the shared buckets are away, only this count
// holds.
type limit[K netip.Addr | int64] struct {
	name   string
	fill   atomic.Pointer[fill]
	known  *lru.Cache[K, *bucket]
	shared pb.LimitRepoClient // nil: there is one gateway only
	m      *limitMetrics
}

// bucket is what is known here of one address or user.
type bucket struct {
	mu     sync.Mutex
	local  *rate.Limiter
	fill   *fill // what local is set to
	leased int
	until  time.Time // the lease's end
	empty  time.Time // until when the shared bucket has no token
}

func newLimit[K netip.Addr | int64](name string, f fill, shared pb.LimitRepoClient, m *metrics) (*limit[K], error) {
	known, err := lru.New[K, *bucket](limitedKeys)
	if err != nil {
		return nil, fmt.Errorf("make the limit on %s: %w", name, err)
	}
	l := &limit[K]{name: name, known: known, shared: shared, m: m.limit(name)}
	l.fill.Store(&f)
	return l, nil
}

// take counts one attempt, and returns 0 when it is allowed. When there were too many, take returns the whole seconds
// to wait, and the attempt is not counted.
func (l *limit[K]) take(k K) (retryAfter int) {
	by := l.fill.Load()
	b, ok := l.known.Get(k)
	if !ok {
		b = &bucket{local: rate.NewLimiter(by.limit(), by.burst), fill: by}
		if was, there, _ := l.known.PeekOrAdd(k, b); there {
			b = was
		}
	}
	// The lock is held during a call to the shared buckets, which fails soon while they are away: all sockets of a user
	// wait for the same answer.
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.retune(now, by)
	r := b.local.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait <= 0 && l.shared != nil {
		wait = l.takeShared(b, k, by, now)
	}
	if wait <= 0 {
		return 0
	}
	r.CancelAt(now)
	l.m.refused.Inc()
	return int(math.Ceil(wait.Seconds()))
}

// retune sets the bucket to the rates of by. A lease under the old rates is given up: it may be more than the new
// burst.
func (b *bucket) retune(now time.Time, by *fill) {
	if b.fill == by {
		return
	}
	b.local.SetLimitAt(now, by.limit())
	b.local.SetBurstAt(now, by.burst)
	b.fill, b.leased, b.empty = by, 0, time.Time{}
}

// takeShared hands out a token of the lease, or takes a new lease. It returns for how long the shared bucket is empty;
// 0 when a token was handed out, and when the shared buckets are away.
func (l *limit[K]) takeShared(b *bucket, k K, by *fill, now time.Time) time.Duration {
	if b.leased > 0 && now.Before(b.until) {
		b.leased--
		return 0
	}
	if wait := b.empty.Sub(now); wait > 0 {
		return wait
	}
	resp, err := l.shared.TakeTokens(context.Background(), &pb.TakeTokensRequest{Buckets: []*pb.Bucket{{
		Key: l.name + ":" + keyText(k), Burst: int64(by.burst), Rate: int64(by.tokens),
		PeriodMs: by.per.Milliseconds(), Tokens: int64(by.lease()), AtMost: true,
	}}})
	switch {
	case err != nil: // only the count of the gateway itself holds
		l.m.away.Inc()
		return 0
	case len(resp.GetTaken()) == 0:
		l.m.empty.Inc()
		wait := time.Duration(max(resp.GetWaitMs(), 1)) * time.Millisecond
		b.empty = now.Add(wait)
		return wait
	}
	l.m.leased.Inc()
	b.leased, b.until = int(resp.GetTaken()[0])-1, now.Add(leaseTime)
	return 0
}

func keyText[K netip.Addr | int64](k K) string {
	switch k := any(k).(type) {
	case netip.Addr:
		return k.String()
	case int64:
		return strconv.FormatInt(k, 10)
	}
	return ""
}
