package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/memory"
)

// buckets take up to n tokens from a bucket, or none when it has fewer than least.
type buckets interface {
	Take(ctx context.Context, key string, r kv.Rate, n, least int) (taken int, wait time.Duration, err error)
}

// embedded are buckets of this process.
type embedded struct{ *memory.Cache }

func (e embedded) Take(ctx context.Context, key string, r kv.Rate, n, least int) (int, time.Duration, error) {
	taken, wait, err := e.TakeTokens(ctx, []cache.Ask{{Key: key, Rate: cache.Rate(r), Tokens: n, Least: least}})
	if len(taken) == 0 {
		return 0, wait, err
	}
	return taken[0], 0, err
}

// fakeShared are the buckets that several gateways share: those of store, or, when store is nil, those in tokens.
type fakeShared struct {
	pb.LimitRepoClient
	store buckets
	calls atomic.Int64

	mu     sync.Mutex
	tokens map[string]int64 // left, of this process; they do not come back
	wait   time.Duration    // told when there are none
	err    error
}

func (f *fakeShared) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeShared) TakeTokens(ctx context.Context, in *pb.TakeTokensRequest, _ ...grpc.CallOption) (*pb.TakeTokensResponse, error) {
	f.calls.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	b := in.GetBuckets()[0]
	if f.store != nil {
		taken, wait, err := f.store.Take(ctx, b.GetKey(), kv.Rate{Tokens: int(b.GetRate()), Per: time.Duration(b.GetPeriodMs()) * time.Millisecond, Burst: int(b.GetBurst())}, int(b.GetTokens()), 1)
		if taken > 0 {
			return &pb.TakeTokensResponse{Taken: []int64{int64(taken)}}, err
		}
		return &pb.TakeTokensResponse{WaitMs: (wait + time.Millisecond - 1).Milliseconds()}, err
	}
	left, known := f.tokens[b.GetKey()]
	if !known {
		left = b.GetBurst()
	}
	n := min(left, b.GetTokens())
	f.tokens[b.GetKey()] = left - n
	if n == 0 {
		return &pb.TakeTokensResponse{WaitMs: f.wait.Milliseconds()}, nil
	}
	return &pb.TakeTokensResponse{Taken: []int64{n}}, nil
}

func newFakeShared() *fakeShared {
	return &fakeShared{tokens: map[string]int64{}, wait: 1500 * time.Millisecond}
}

// tokensLeft is a store whose clock stands still, so that no token comes back.
func tokensLeft(*testing.T) *fakeShared {
	now := time.Now()
	return &fakeShared{store: embedded{memory.New(memory.Config{Bytes: 1 << 20, Now: func() time.Time { return now }})}}
}

// testLimit is a limit on users with a burst of 200 tokens, leased 10 at a time, of which one comes back in a second.
func testLimit(t testing.TB, shared pb.LimitRepoClient) *limit[int64] {
	t.Helper()
	m, err := newMetrics(prometheusNone(), newHub(1))
	require.NoError(t, err)
	l, err := newLimit[int64]("test", fill{tokens: 1, per: time.Second, burst: 200}, shared, m)
	require.NoError(t, err)
	return l
}

func TestLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newFakeShared()
		one, two := testLimit(t, shared), testLimit(t, shared)
		for range 25 {
			require.Zero(t, one.take(7))
		}
		require.EqualValues(t, 3, shared.calls.Load(), "a call for ten messages")
		require.Zero(t, two.take(7))
		require.EqualValues(t, 160, shared.tokens["test:7"])
		for range 169 {
			require.Zero(t, two.take(7))
		}
		require.Equal(t, 2, two.take(7), "1.5 seconds, in whole ones")
		require.Zero(t, one.take(7), "the other gateway still has a lease")
		calls := shared.calls.Load()
		for range 100 {
			require.NotZero(t, two.take(7))
		}
		require.Equal(t, calls, shared.calls.Load(), "nobody asks again before there is something")
		require.Zero(t, two.take(8), "another user")

		time.Sleep(leaseTime)
		calls = shared.calls.Load()
		require.Equal(t, 2, one.take(7), "a lease does not last")
		require.Equal(t, calls+1, shared.calls.Load())
		shared.tokens["test:7"] = 3
		require.NotZero(t, one.take(7))
		time.Sleep(1500 * time.Millisecond)
		for range 3 {
			require.Zero(t, one.take(7))
		}
		require.NotZero(t, one.take(7))
	})
}

func TestLimitsWithoutTheSharedBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newFakeShared()
		l := testLimit(t, shared)
		for range 150 {
			require.Zero(t, l.take(7))
		}
		shared.set(errors.New("away"))
		for range 50 {
			require.Zero(t, l.take(7))
		}
		require.Equal(t, 1, l.take(7), "what was taken before counts")
		time.Sleep(time.Second)
		require.Zero(t, l.take(7))
		require.Equal(t, 1, l.take(7))
		shared.set(nil)
		time.Sleep(10 * time.Second)
		shared.tokens["test:7"] = 4
		for range 4 {
			require.Zero(t, l.take(7))
		}
		require.Equal(t, 2, l.take(7), "they are back")
		shared.set(errors.New("away"))
		time.Sleep(1500 * time.Millisecond)
		for range 6 + 1 {
			require.Zero(t, l.take(7), "what was refused was not counted")
		}
		require.Equal(t, 1, l.take(7))
	})
}

// BenchmarkLimit measures what a limit costs a message: by a lease, with the calls that leases
// cost on an embedded store, and while the shared buckets are away.
func BenchmarkLimit(b *testing.B) {
	own := embedded{memory.New(memory.Config{Bytes: 1 << 20})}
	away := newFakeShared()
	away.set(errors.New("away"))
	for name, shared := range map[string]pb.LimitRepoClient{"endless": endless{}, "embedded": &fakeShared{store: own}, "away": away} {
		m, err := newMetrics(prometheusNone(), newHub(1))
		require.NoError(b, err)
		l, err := newLimit[int64]("sends", fill{tokens: 1e9, per: time.Second, burst: 1e9}, shared, m)
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.take(7)
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			var users atomic.Int64
			b.RunParallel(func(p *testing.PB) {
				user := users.Add(1)
				for p.Next() {
					l.take(user)
				}
			})
		})
	}
}

// endless gives whatever is asked for.
type endless struct{ pb.LimitRepoClient }

func (endless) TakeTokens(_ context.Context, in *pb.TakeTokensRequest, _ ...grpc.CallOption) (*pb.TakeTokensResponse, error) {
	return &pb.TakeTokensResponse{Taken: []int64{in.GetBuckets()[0].GetTokens()}}, nil
}
