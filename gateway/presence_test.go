package gateway

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// forgetful is a registry that is emptied before some of its beats.
type forgetful struct {
	pb.SessionRepoClient
	fresh []bool // answers to the beats, in order
	ready []bool // what the beats said
	puts  int
}

func (f *forgetful) Beat(_ context.Context, in *pb.BeatRequest, _ ...grpc.CallOption) (*pb.BeatResponse, error) {
	f.ready = append(f.ready, in.GetReady())
	fresh := f.fresh[0]
	f.fresh = f.fresh[1:]
	return &pb.BeatResponse{Fresh: fresh}, nil
}

func (f *forgetful) PutSessions(context.Context, *pb.PutSessionsRequest, ...grpc.CallOption) (*pb.PutSessionsResponse, error) {
	f.puts++
	return &pb.PutSessionsResponse{}, nil
}

// A registry that is emptied between the sessions and the beat behind them gets
// them again before it hears that all of them are in.
func TestSessionsArePutAgainWhenTheRegistryForgets(t *testing.T) {
	registry := &forgetful{fresh: []bool{true, true, false, false}}
	h := newHub(10)
	c := &conn{g: &Gateway{id: "gw"}, id: "c", user: 7}
	h.add(c)
	p := newPresence("gw", DefaultConfig(), registry, h, zap.NewNop())
	require.NoError(t, p.beat(t.Context())) // unknown, put, and unknown again
	require.NoError(t, p.beat(t.Context()))
	require.Equal(t, []bool{true, true, false, true}, registry.ready, "the third knows that the second was in vain")
	require.Equal(t, 2, registry.puts)
	require.False(t, p.stale)
}

// uncached is a registry that hears gateways and can keep nothing.
type uncached struct {
	pb.SessionRepoClient
	beats int
}

func (u *uncached) Beat(context.Context, *pb.BeatRequest, ...grpc.CallOption) (*pb.BeatResponse, error) {
	u.beats++
	return &pb.BeatResponse{Away: true}, nil
}

// TestGatewayStartsWithoutTheCache: the registry has heard it, so that it gets what is for
// anybody; it takes nothing for registered.
func TestGatewayStartsWithoutTheCache(t *testing.T) {
	registry := &uncached{}
	p := newPresence("gw", DefaultConfig(), registry, newHub(10), zap.NewNop())
	require.NoError(t, p.join(t.Context()))
	require.Equal(t, 1, registry.beats)
	require.ErrorIs(t, p.beat(t.Context()), errSessionsUnknown, "the log is told at each beat")
}
