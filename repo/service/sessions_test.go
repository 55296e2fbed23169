package service_test

import (
	"context"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// blind is a Redis that does not say what exists.
type blind struct{}

func (blind) DialHook(next redis.DialHook) redis.DialHook { return next }

func (blind) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (blind) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return cmd.Name() == "exists" }) {
			return context.DeadlineExceeded
		}
		return next(ctx, cmds)
	}
}

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
	f.kv.AddHook(blind{})
	_, err = f.PutSessions(t.Context(), session("lives"))
	require.NoError(t, err)
	registered, err := f.Registered(t.Context(), &pb.RegisteredRequest{Sessions: session("lives").GetSessions()})
	require.NoError(t, err)
	require.Equal(t, []bool{true}, registered.GetRegistered())
	require.NotZero(t, f.logs.FilterMessageSnippet("put sessions").Len(), "the log is told")
}
