package service

import (
	"context"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo/cache"
)

type limits struct {
	pb.UnimplementedLimitRepoServer
	*Repo
}

// Bounds of one call.
const (
	limitKeys  = 16
	limitKey   = 200 // bytes
	mostTokens = 1 << 30
	// longestTime bounds the lifetime of a mark and the period of a token bucket. Redis would
	// take more, but no limit needs more.
	longestTime = 366 * 24 * time.Hour
)

// TakeTokens implements pb.LimitRepoServer.
func (r limits) TakeTokens(ctx context.Context, in *pb.TakeTokensRequest) (*pb.TakeTokensResponse, error) {
	asks, err := bucketAsks(in.GetBuckets())
	if err != nil {
		return nil, err
	}
	taken, wait, err := r.cache.TakeTokens(ctx, asks)
	if err != nil {
		return nil, limitsAway(ctx, err)
	}
	out := &pb.TakeTokensResponse{WaitMs: int64((wait + time.Millisecond - 1) / time.Millisecond)}
	for _, n := range taken {
		out.Taken = append(out.Taken, int64(n))
	}
	return out, nil
}

// ReturnTokens implements pb.LimitRepoServer.
func (r limits) ReturnTokens(ctx context.Context, in *pb.ReturnTokensRequest) (*pb.ReturnTokensResponse, error) {
	asks, err := bucketAsks(in.GetBuckets())
	if err != nil {
		return nil, err
	}
	if err := r.cache.ReturnTokens(ctx, asks); err != nil {
		return nil, limitsAway(ctx, err)
	}
	return &pb.ReturnTokensResponse{}, nil
}

func bucketAsks(in []*pb.Bucket) ([]cache.Ask, error) {
	if len(in) > limitKeys {
		return nil, contracts.Invalid("buckets", fmt.Sprintf("at most %d", limitKeys))
	}
	out := make([]cache.Ask, len(in))
	for i, b := range in {
		if err := checkLimitKey(b.GetKey()); err != nil {
			return nil, err
		}
		for _, n := range []int64{b.GetBurst(), b.GetRate(), b.GetTokens()} {
			if n < 1 || n > mostTokens {
				return nil, contracts.Invalid("buckets", fmt.Sprintf("numbers from 1 to %d", mostTokens))
			}
		}
		period := time.Duration(b.GetPeriodMs()) * time.Millisecond
		if b.GetPeriodMs() < 1 || b.GetPeriodMs() > longestTime.Milliseconds() || period/time.Duration(b.GetRate()) < 1 {
			return nil, contracts.Invalid("buckets", "the period must be 1 ms to a year, and at least 1 ns a token")
		}
		out[i] = cache.Ask{
			Key: b.GetKey(), Tokens: int(b.GetTokens()), Least: int(b.GetTokens()),
			Rate: cache.Rate{Tokens: int(b.GetRate()), Per: period, Burst: int(b.GetBurst())},
		}
		if b.GetAtMost() {
			out[i].Least = 1
		}
	}
	return out, nil
}

func checkLimitKey(key string) error {
	if key == "" || len(key) > limitKey {
		return contracts.Invalid("key", fmt.Sprintf("1 to %d bytes", limitKey))
	}
	return nil
}

// PutMarks implements pb.LimitRepoServer.
func (r limits) PutMarks(ctx context.Context, in *pb.PutMarksRequest) (*pb.PutMarksResponse, error) {
	if err := checkMarks(in.GetKeys()); err != nil {
		return nil, err
	}
	if in.GetTtlMs() < 1 || in.GetTtlMs() > longestTime.Milliseconds() {
		return nil, contracts.Invalid("ttl_ms", "1 ms to a year")
	}
	if err := r.cache.PutMarks(ctx, in.GetKeys(), time.Duration(in.GetTtlMs())*time.Millisecond); err != nil {
		return nil, limitsAway(ctx, err)
	}
	return &pb.PutMarksResponse{}, nil
}

// HasMarks implements pb.LimitRepoServer.
func (r limits) HasMarks(ctx context.Context, in *pb.HasMarksRequest) (*pb.HasMarksResponse, error) {
	if err := checkMarks(in.GetKeys()); err != nil {
		return nil, err
	}
	set, err := r.cache.HasMarks(ctx, in.GetKeys())
	if err != nil {
		return nil, limitsAway(ctx, err)
	}
	return &pb.HasMarksResponse{Set: set}, nil
}

func checkMarks(keys []string) error {
	if len(keys) > limitKeys {
		return contracts.Invalid("keys", fmt.Sprintf("at most %d", limitKeys))
	}
	for _, k := range keys {
		if err := checkLimitKey(k); err != nil {
			return err
		}
	}
	return nil
}

func limitsAway(ctx context.Context, err error) error {
	rpc.Final(ctx)
	return contracts.NewError(contracts.CodeUnavailable, "Limits cannot be checked right now; try again.").WithCause(err)
}
