package rpc

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func TestReadiness(t *testing.T) {
	cfg := DefaultConfig()
	server, err := NewServer(cfg, zap.NewNop())
	require.NoError(t, err)
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", cfg.Listen)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, ln) }()
	conn, err := Dial(ln.Addr().String(), cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()

	require.Error(t, conn.Ready(t.Context()), "it has not said so")
	server.SetReady(true)
	require.NoError(t, conn.Ready(t.Context()))
	server.SetReady(false)
	require.ErrorIs(t, conn.Ready(t.Context()), errNotReady)

	server.SetReady(true)
	server.Leave()
	server.SetReady(true)
	require.NoError(t, conn.Ready(t.Context()), "callers lose nothing by a server that is about to stop")
	probed, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: readyName})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, probed.GetStatus())

	require.NoError(t, conn.Whole(t.Context()), "an older server says nothing")
	server.SetWhole(false)
	require.ErrorIs(t, conn.Whole(t.Context()), errNotWhole)
	server.SetWhole(true)
	require.NoError(t, conn.Whole(t.Context()))
	stop()
	require.NoError(t, <-served)
	require.Error(t, conn.Ready(t.Context()), "nobody answers")
}
