package repo_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
)

// TestLimitsWhileTheCacheHangs: calls are answered with unavailable, so that callers count for
// themselves, and only the first call waits.
func TestLimitsWhileTheCacheHangs(t *testing.T) {
	t.Parallel()
	cfg := config(t.TempDir())
	cfg.KV = server(t)
	r := open(t, cfg)
	local := rpc.NewLocal()
	r.Register(local)
	var probes atomic.Int64
	guard, err := rpc.NewGuard(local, rpc.GuardConfig{Timeout: 200 * time.Millisecond, Pause: time.Second, Probe: func(ctx context.Context, conn grpc.ClientConnInterface) error {
		probes.Add(1)
		_, err := pb.NewLimitRepoClient(conn).HasMarks(ctx, &pb.HasMarksRequest{Keys: []string{"probe"}})
		return err
	}})
	require.NoError(t, err)
	defer func() { assert.NoError(t, guard.Close()) }()
	take := func(ctx context.Context, conn grpc.ClientConnInterface) error {
		_, err := pb.NewLimitRepoClient(conn).TakeTokens(ctx, &pb.TakeTokensRequest{Buckets: []*pb.Bucket{{Key: "k", Burst: 1000, Rate: 1, PeriodMs: 1, Tokens: 1}}})
		return err
	}
	require.NoError(t, take(t.Context(), guard))
	r.HangCache()
	for name, conn := range map[string]grpc.ClientConnInterface{"guarded": guard, "bare": rpc.WithTimeout(local, time.Minute)} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // 1,000 that wait would take minutes
		for range 1000 {
			if !assert.Equal(t, contracts.CodeUnavailable, contracts.AsError(take(ctx, conn)).Code, name) {
				break
			}
		}
		cancel()
	}
	assert.Less(t, probes.Load(), int64(30))
}
