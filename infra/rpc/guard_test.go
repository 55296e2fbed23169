package rpc_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/infra/rpc"
)

// patient is a service that answers each call as the test says, or never.
type patient struct {
	grpc.ClientConnInterface
	calls, probes atomic.Int64
	hangs         atomic.Bool
	code          atomic.Uint32
}

func (p *patient) Invoke(ctx context.Context, method string, _, _ any, _ ...grpc.CallOption) error {
	if method == "probe" {
		p.probes.Add(1)
	} else {
		p.calls.Add(1)
	}
	if p.hangs.Load() {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	return status.Error(codes.Code(p.code.Load()), "told so")
}

func TestGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &patient{}
		g, err := rpc.NewGuard(p, rpc.GuardConfig{Timeout: 100 * time.Millisecond, Pause: time.Second, Probe: func(ctx context.Context, conn grpc.ClientConnInterface) error {
			return conn.Invoke(ctx, "probe", nil, nil)
		}})
		require.NoError(t, err)
		call := func() (codes.Code, time.Duration) {
			begin := time.Now()
			code := status.Code(g.Invoke(context.Background(), "call", nil, nil))
			return code, time.Since(begin)
		}
		expect := func(want codes.Code, took time.Duration, calls, probes int) {
			t.Helper()
			code, waited := call()
			assert.Equal(t, want, code)
			assert.Equal(t, took, waited)
			synctest.Wait()
			assert.EqualValues(t, calls, p.calls.Load(), "calls")
			assert.EqualValues(t, probes, p.probes.Load(), "probes")
		}
		expect(codes.OK, 0, 1, 0)
		p.code.Store(uint32(codes.InvalidArgument))
		expect(codes.InvalidArgument, 0, 2, 0)
		expect(codes.InvalidArgument, 0, 3, 0) // a refusal is an answer
		p.hangs.Store(true)
		expect(codes.DeadlineExceeded, 100*time.Millisecond, 4, 0)
		expect(codes.Unavailable, 0, 4, 0) // nobody waits any more
		time.Sleep(time.Second)
		expect(codes.Unavailable, 0, 4, 1)
		expect(codes.Unavailable, 0, 4, 1) // one probe at a time
		time.Sleep(100 * time.Millisecond)
		expect(codes.Unavailable, 0, 4, 1)
		p.hangs.Store(false)
		p.code.Store(uint32(codes.OK))
		time.Sleep(time.Second)
		expect(codes.Unavailable, 0, 4, 2) // the call that has it probed does not wait either
		expect(codes.OK, 0, 5, 2)
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		p.hangs.Store(true)
		assert.Error(t, g.Invoke(gone, "call", nil, nil))
		p.hangs.Store(false)
		expect(codes.OK, 0, 7, 2) // a caller who went away says nothing of the service
		p.code.Store(uint32(codes.Unavailable))
		expect(codes.Unavailable, 0, 8, 2)
		expect(codes.Unavailable, 0, 8, 2)
		p.hangs.Store(true)
		time.Sleep(time.Second)
		_, _ = call()
		require.NoError(t, g.Close()) // ends the probe that hangs
		time.Sleep(time.Hour)
		expect(codes.Unavailable, 0, 8, 3) // and begins no other
	})
}
