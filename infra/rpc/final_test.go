package rpc

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestFinalErrorsAreNotTriedAgain, and others are.
func TestFinalErrorsAreNotTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		final bool
		calls int64
	}{"final": {true, 1}, "not final": {false, 4}} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			server := startServer(t, DefaultConfig(), func(ctx context.Context, _ string) (string, error) {
				calls.Add(1)
				if c.final {
					Final(ctx)
				}
				return "", status.Error(codes.Unavailable, "the cache is away")
			})
			_, err := call(limited(t), dial(t, server.addr, DefaultConfig()), "x")
			require.Equal(t, codes.Unavailable, status.Code(err))
			assert.Contains(t, err.Error(), "the cache is away")
			assert.Equal(t, c.calls, calls.Load())
		})
	}
	Final(t.Context()) // outside of a call it does nothing
}
