package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestSessionsArePutThoughNothingIsSwept: what dead gateways have left is no reason to refuse
// sessions that are registered.
func TestSessionsArePutThoughNothingIsSwept(t *testing.T) {
	t.Parallel()
	f := open(t)
	session := func(gateway string) *pb.PutSessionsRequest {
		return &pb.PutSessionsRequest{Sessions: []*pb.Session{{UserId: 1, ConnectionId: gateway + "-c", GatewayId: gateway, LoginAt: 1}}}
	}
	_, err := f.PutSessions(t.Context(), session("dead"))
	require.NoError(t, err)
	f.blind.Store(true)
	_, err = f.PutSessions(t.Context(), session("lives"))
	require.NoError(t, err)
	registered, err := f.Registered(t.Context(), &pb.RegisteredRequest{Sessions: session("lives").GetSessions()})
	require.NoError(t, err)
	require.Equal(t, []bool{true}, registered.GetRegistered())
	require.NotZero(t, f.logs.FilterMessageSnippet("put sessions").Len(), "the log is told")
}
