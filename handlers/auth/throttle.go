package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Limits has the token buckets and marks that all processes share. A call returns soon; an error says that the
// shared cache is away.
type Limits interface {
	TakeTokens(ctx context.Context, in *pb.TakeTokensRequest) (*pb.TakeTokensResponse, error)
	ReturnTokens(ctx context.Context, in *pb.ReturnTokensRequest) (*pb.ReturnTokensResponse, error)
	PutMarks(ctx context.Context, in *pb.PutMarksRequest) (*pb.PutMarksResponse, error)
	HasMarks(ctx context.Context, in *pb.HasMarksRequest) (*pb.HasMarksResponse, error)
}

// throttle slows the guessing of passwords without letting guessers keep an account's owner out.
//
// Wrong passwords are counted twice: strictly for an account from one address (a pair), and loosely for an
// account from all addresses together (a name), which bounds a guesser who has many addresses. From an address
// that has logged in to the account lately (a known one) only the pair counts. So a guesser elsewhere never keeps
// the owner waiting at a known address, and cannot escape the count of the name, having no such address. (A
// guesser who shares the owner's address can keep the owner waiting, for less than LoginWindow after each guess.)
// An attempt that the pair refuses is not counted for the name, so that one address alone takes many times its
// own window to use up what all addresses share.
//
// Names are counted in lower case, and in the same steps whether there is such an account or not.
//
// Each process keeps counts and known addresses of its own as well, which hold while the shared ones are away.
type throttle struct {
	shared Limits // nil: this process is alone
	may    atomic.Pointer[allowances]

	pairs, names *localBuckets
	mu           sync.Mutex
	known        *lru.Cache[string, time.Time] // until when an address is known
}

// allowance is how many attempts there are at once; all come back within the window.
type allowance struct {
	attempts int
	window   time.Duration
}

// allowances are the limits in force.
type allowances struct {
	perPair, perName allowance
	knownFor         time.Duration
}

// configure replaces the allowances. Attempts that were counted stay counted.
func (t *throttle) configure(cfg Config) {
	t.may.Store(&allowances{
		perPair: allowance{cfg.LoginAttempts, cfg.LoginWindow}, perName: allowance{cfg.AccountAttempts, cfg.AccountWindow},
		knownFor: cfg.KnownFor,
	})
}

func newThrottle(cfg Config, shared Limits) (*throttle, error) {
	t := &throttle{shared: shared}
	t.configure(cfg)
	var err error
	if t.pairs, err = newLocalBuckets(); err != nil {
		return nil, err
	}
	if t.names, err = newLocalBuckets(); err != nil {
		return nil, err
	}
	if t.known, err = lru.New[string, time.Time](throttledKeys); err != nil {
		return nil, fmt.Errorf("make the login throttle: %w", err)
	}
	return t, nil
}

// attempt is a login that is being tried.
type attempt struct {
	pair, name string
	// known: the address has logged in to the account lately.
	known bool
	// local and shared: the attempt is counted in this process's buckets, and in the shared ones.
	local, shared bool
}

// hashed makes a key that tells nobody who logs in from where.
func hashed(kind, account, address string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + account + "\x00" + address))
	return kind + ":" + hex.EncodeToString(sum[:16])
}

// begin counts an attempt as if its password was wrong. When there were too many attempts it returns how long
// to wait, and counts nothing. The shared buckets decide, and this process's own while those are away.
func (t *throttle) begin(ctx context.Context, account, address string) (*attempt, time.Duration) {
	a := &attempt{pair: hashed("login", account, address), name: hashed("login-name", account, "")}
	a.known = address != "" && t.isKnown(ctx, hashed("login-known", account, address))
	wait := t.takeLocal(a)
	a.local = wait == 0
	if t.shared != nil {
		resp, err := t.shared.TakeTokens(ctx, &pb.TakeTokensRequest{Buckets: t.buckets(a, 1, 1)})
		a.shared = err == nil
		if a.shared && len(resp.GetTaken()) > 0 {
			return a, 0
		}
		if a.shared {
			t.returnLocal(a)
			return nil, max(time.Duration(resp.GetWaitMs())*time.Millisecond, time.Millisecond)
		}
	}
	return a, wait
}

// buckets returns the buckets that an attempt is counted in, each with a number of tokens.
func (t *throttle) buckets(a *attempt, ofPair, ofName int) []*pb.Bucket {
	one := func(key string, by allowance, n int) *pb.Bucket {
		return &pb.Bucket{Key: key, Burst: int64(by.attempts), Rate: int64(by.attempts), PeriodMs: by.window.Milliseconds(), Tokens: int64(n)}
	}
	may := t.may.Load()
	out := []*pb.Bucket{one(a.pair, may.perPair, ofPair)}
	if !a.known {
		out = append(out, one(a.name, may.perName, ofName))
	}
	return out
}

func (t *throttle) takeLocal(a *attempt) time.Duration {
	may := t.may.Load()
	wait := t.pairs.take(a.pair, may.perPair)
	if wait > 0 || a.known {
		return wait
	}
	if wait = t.names.take(a.name, may.perName); wait > 0 {
		t.pairs.giveBack(a.pair)
	}
	return wait
}

func (t *throttle) returnLocal(a *attempt) {
	if !a.local {
		return
	}
	t.pairs.giveBack(a.pair)
	if !a.known {
		t.names.giveBack(a.name)
	}
}

// undo takes back an attempt whose caller learned nothing about the password.
func (t *throttle) undo(ctx context.Context, a *attempt) {
	t.returnLocal(a)
	t.returnShared(ctx, a, t.buckets(a, 1, 1))
}

// succeed takes back all attempts of the account from this address after a right
// password, and remembers the address.
func (t *throttle) succeed(ctx context.Context, a *attempt, account, address string) {
	t.returnLocal(a)
	t.pairs.forget(a.pair)
	t.returnShared(ctx, a, t.buckets(a, t.may.Load().perPair.attempts, 1))
	t.remember(ctx, account, address)
}

// finishTime bounds each call to the shared counts after an attempt.
const finishTime = time.Second

// returnShared goes on when the caller has gone. Tokens that cannot be returned come back with time.
func (t *throttle) returnShared(ctx context.Context, a *attempt, buckets []*pb.Bucket) {
	if !a.shared {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	_, _ = t.shared.ReturnTokens(ctx, &pb.ReturnTokensRequest{Buckets: buckets}) // as above
}

func (t *throttle) isKnown(ctx context.Context, key string) bool {
	t.mu.Lock()
	until, kept := t.known.Get(key)
	t.mu.Unlock()
	if kept && time.Now().Before(until) {
		return true
	}
	if t.shared == nil {
		return false
	}
	resp, err := t.shared.HasMarks(ctx, &pb.HasMarksRequest{Keys: []string{key}})
	return err == nil && len(resp.GetSet()) == 1 && resp.GetSet()[0]
}

// remember notes that an address belongs to an account's owner. A note that fails is made at the next login.
func (t *throttle) remember(ctx context.Context, account, address string) {
	if address == "" {
		return
	}
	key, knownFor := hashed("login-known", account, address), t.may.Load().knownFor
	t.mu.Lock()
	t.known.Add(key, time.Now().Add(knownFor))
	t.mu.Unlock()
	if t.shared == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	_, _ = t.shared.PutMarks(ctx, &pb.PutMarksRequest{Keys: []string{key}, TtlMs: knownFor.Milliseconds()}) // as above
}

// throttledKeys bounds each table of the throttle. To push an entry out, a guesser has to try as many other
// keys.
const throttledKeys = 1 << 16

// localBuckets are the token buckets of this process.
type localBuckets struct {
	mu    sync.Mutex
	known *lru.Cache[string, *rate.Limiter]
}

func newLocalBuckets() (*localBuckets, error) {
	known, err := lru.New[string, *rate.Limiter](throttledKeys)
	if err != nil {
		return nil, fmt.Errorf("make the login throttle: %w", err)
	}
	return &localBuckets{known: known}, nil
}

// take takes a token, or returns how long until there is one.
func (b *localBuckets) take(key string, may allowance) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter, ok := b.known.Get(key)
	switch by := rate.Every(may.window / time.Duration(may.attempts)); {
	case !ok:
		limiter = rate.NewLimiter(by, may.attempts)
		b.known.Add(key, limiter)
	case limiter.Limit() != by || limiter.Burst() != may.attempts:
		limiter.SetLimit(by)
		limiter.SetBurst(may.attempts)
	}
	reserved := limiter.Reserve()
	wait := reserved.Delay()
	if wait > 0 {
		reserved.Cancel()
	}
	return wait
}

// giveBack puts a token back.
func (b *localBuckets) giveBack(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limiter, ok := b.known.Get(key); ok {
		// A reservation cannot be cancelled once its time has come, and the time of
		// an attempt is at once. The limiter itself never keeps more than its burst.
		limiter.AllowN(time.Now(), -1)
	}
}

// forget puts all tokens back.
func (b *localBuckets) forget(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known.Remove(key)
}
