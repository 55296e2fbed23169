package gateway

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// slowSessions take a while for every call.
type slowSessions struct {
	*fakeSessions
	each time.Duration
}

func (s *slowSessions) RemoveSession(ctx context.Context, in *pb.RemoveSessionRequest, opts ...grpc.CallOption) (*pb.RemoveSessionResponse, error) {
	time.Sleep(s.each)
	return s.fakeSessions.RemoveSession(ctx, in, opts...)
}

func (s *slowSessions) RemoveSessions(ctx context.Context, in *pb.RemoveSessionsRequest, opts ...grpc.CallOption) (*pb.RemoveSessionsResponse, error) {
	time.Sleep(s.each)
	return s.fakeSessions.RemoveSessions(ctx, in, opts...)
}

// TestASocketIsRegisteredAfterAStorm: many sockets have just closed, and whoever opens one
// then is registered, though the registry is slow and the opening gave up waiting for it.
func TestASocketIsRegisteredAfterAStorm(t *testing.T) {
	slow := &slowSessions{newFakeSessions(), 20 * time.Millisecond}
	h := start(t, func(c *Config, d *Deps) {
		c.RPCTimeout, c.SessionRefresh, c.BeatInterval = 500*time.Millisecond, time.Hour, 10*time.Second
		slow.fakeSessions, d.Sessions = d.Sessions.(*fakeSessions), slow
	})
	for i := range 3000 {
		go h.gw.registrar.remove(&pb.Session{UserId: 1, ConnectionId: fmt.Sprint("gone", i), GatewayId: h.gw.ID()})
	}
	h.dial("7:a", "")
	h.eventually(func() bool { return h.sessions.count() == 1 }, "registered")
}

// TestWhatCouldNotBePutIsPutAgain at once, not with the next refresh or beat.
func TestWhatCouldNotBePutIsPutAgain(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.SessionRefresh, c.BeatInterval = time.Hour, 10*time.Second })
	fail := func(err error) {
		h.sessions.mu.Lock()
		defer h.sessions.mu.Unlock()
		h.sessions.putErr = err
	}
	fail(contracts.NewError(contracts.CodeUnavailable, ""))
	begin := time.Now()
	gone, stays := h.dial("7:a", ""), h.dial("7:a", "")
	require.NoError(t, gone.Close())
	h.eventually(func() bool { return h.gw.hub.len() == 1 }, "closed")
	fail(nil)
	h.eventually(func() bool { return h.sessions.count() == 1 }, "registered")
	require.Less(t, time.Since(begin), 9*time.Second, "not by a beat")
	h.sessions.mu.Lock()
	defer h.sessions.mu.Unlock()
	require.Contains(t, h.sessions.sessions, stays.hello.ConnectionID)
}
