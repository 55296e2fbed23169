package gateway

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestALostOrderHeals: nobody told the gateway that a token is revoked, and it asks by
// itself, also when nobody answers for a while.
func TestALostOrderHeals(t *testing.T) {
	var failures atomic.Int64
	h := start(t, func(c *Config, _ *Deps) { c.TokenCheckInterval = 20 * time.Millisecond })
	h.logic.mu.Lock()
	h.logic.issued = 5
	h.logic.mu.Unlock()
	gone, stays := h.dial("7:a", "&deviceId=phone"), h.dial("7:b", "")
	h.logic.mu.Lock()
	h.logic.onCall = func(req any) error {
		if in, ok := req.(*pb.RecheckRequest); ok && failures.Add(1) == 1 {
			for _, one := range in.GetTokens() {
				if one.GetUserId() != 7 || one.GetIssuedAt() != 5 || one.GetExpiresAt() == 0 || (one.GetTokenId() == "a") != (one.GetDeviceId() == "phone") {
					t.Errorf("asked for %v", one)
				}
			}
			return unavailable()
		}
		return nil
	}
	h.logic.revoked["a"] = true
	h.logic.mu.Unlock()
	end := gone.closed()
	require.Equal(t, contracts.CloseTokenRevoked, end.Code)
	require.Equal(t, contracts.CloseReasonRevoked, end.Text)
	require.Empty(t, stays.barrier())
	require.Greater(t, failures.Load(), int64(1))
}

// shortOf gives an empty answer to the first Recheck.
type shortOf struct {
	pb.AuthServiceClient
	asked atomic.Int64
}

func (s *shortOf) Recheck(ctx context.Context, in *pb.RecheckRequest, opts ...grpc.CallOption) (*pb.RecheckResponse, error) {
	if s.asked.Add(1) == 1 {
		return &pb.RecheckResponse{}, nil
	}
	return s.AuthServiceClient.Recheck(ctx, in, opts...)
}

// TestAnAnswerAboutOtherTokens closes no socket, and the next answer counts.
func TestAnAnswerAboutOtherTokens(t *testing.T) {
	short := &shortOf{}
	h := start(t, func(c *Config, d *Deps) {
		c.TokenCheckInterval = 20 * time.Millisecond
		short.AuthServiceClient, d.Auth = d.Auth, short
	})
	gone, stays := h.dial("7:a", ""), h.dial("7:b", "")
	h.eventually(func() bool { return short.asked.Load() > 1 }, "asked again")
	h.logic.mu.Lock()
	h.logic.revoked["a"] = true
	h.logic.mu.Unlock()
	require.Equal(t, contracts.CloseTokenRevoked, gone.closed().Code)
	require.Empty(t, stays.barrier())
}
