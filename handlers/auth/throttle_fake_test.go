package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fakeLimits are the counts that several processes share.
type fakeLimits struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	marks   map[string]time.Time
	keys    []string // as they were asked for
	err     error
}

func newFakeLimits() *fakeLimits {
	return &fakeLimits{buckets: map[string]*rate.Limiter{}, marks: map[string]time.Time{}}
}

func (f *fakeLimits) of(b *pb.Bucket) *rate.Limiter {
	l := f.buckets[b.GetKey()]
	if l == nil {
		l = rate.NewLimiter(rate.Every(time.Duration(b.GetPeriodMs())*time.Millisecond/time.Duration(b.GetRate())), int(b.GetBurst()))
		f.buckets[b.GetKey()] = l
	}
	f.keys = append(f.keys, b.GetKey())
	return l
}

func (f *fakeLimits) TakeTokens(_ context.Context, in *pb.TakeTokensRequest) (*pb.TakeTokensResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &pb.TakeTokensResponse{}
	now := time.Now()
	var taken []*rate.Reservation
	for _, b := range in.GetBuckets() {
		r := f.of(b).ReserveN(now, int(b.GetTokens()))
		taken = append(taken, r)
		out.Taken = append(out.Taken, b.GetTokens())
		if wait := r.DelayFrom(now); wait > 0 {
			for _, r := range taken {
				r.CancelAt(now)
			}
			return &pb.TakeTokensResponse{WaitMs: wait.Milliseconds()}, f.err
		}
	}
	return out, f.err
}

func (f *fakeLimits) ReturnTokens(ctx context.Context, in *pb.ReturnTokensRequest) (*pb.ReturnTokensResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range in.GetBuckets() {
		f.of(b).AllowN(time.Now(), -int(b.GetTokens()))
	}
	return &pb.ReturnTokensResponse{}, errors.Join(f.err, ctx.Err())
}

func (f *fakeLimits) PutMarks(_ context.Context, in *pb.PutMarksRequest) (*pb.PutMarksResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range in.GetKeys() {
		f.marks[k] = time.Now().Add(time.Duration(in.GetTtlMs()) * time.Millisecond)
	}
	return &pb.PutMarksResponse{}, f.err
}

func (f *fakeLimits) HasMarks(_ context.Context, in *pb.HasMarksRequest) (*pb.HasMarksResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &pb.HasMarksResponse{}
	for _, k := range in.GetKeys() {
		f.keys = append(f.keys, k)
		out.Set = append(out.Set, time.Now().Before(f.marks[k]))
	}
	return out, f.err
}
